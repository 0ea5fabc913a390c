import { expect, test } from 'vitest';
import { environmentName, flagsOf, parseOption, type OptionEntry, type OptionType } from './option-entry.ts';
import { OPTIONS } from './options.ts';

const entryOf = (type: OptionType): OptionEntry => ({ name: 'some-option', type, help: 'something' });

test('parseOption takes what the type allows and refuses the rest with MR_OPTION_INVALID', () => {
  const number = entryOf({ kind: 'whole-number', from: 1, to: 10 });
  expect(parseOption(number, '10', '--some-option')).toBe(10);
  for (const text of ['', ' ', '0', '11', '1.5', 'x', 'Infinity'])
    expect(() => parseOption(number, text, '--some-option'), text).toThrow(
      expect.objectContaining({
        code: 'MR_OPTION_INVALID',
        message: `Cannot take --some-option="${text}": it is a whole number, from 1 to 10`,
      }),
    );
  expect(parseOption(entryOf({ kind: 'whole-number', from: 1, word: 'auto' }), 'auto', '')).toBe('auto');
  const choice = entryOf({ kind: 'choice', choices: ['a', 'b'] });
  expect(parseOption(choice, 'b', '')).toBe('b');
  expect(() => parseOption(choice, 'c', '')).toThrow('a, b');
  expect(parseOption(entryOf({ kind: 'switch' }), 'TRUE', '')).toBe(true);
  expect(parseOption(entryOf({ kind: 'switch' }), 'off', '')).toBe(false);
  expect(() => parseOption(entryOf({ kind: 'switch' }), 'perhaps', '')).toThrow('true or false');
  expect(parseOption(entryOf({ kind: 'names' }), 'a, b,,c', '', ['z'])).toEqual(['z', 'a', 'b', 'c']);
});

test('each option of a verb has one flag and one variable', () => {
  const verbs = new Set(OPTIONS.flatMap(({ verbs: of }) => of ?? []));
  for (const verb of verbs) {
    const names = OPTIONS.filter(({ verbs: of }) => of === undefined || of.includes(verb)).map(
      environmentName,
    );
    expect(new Set(names).size, verb).toBe(names.length);
  }
  expect(OPTIONS.filter(({ help }) => help.endsWith('.'))).toEqual([]);
});

test('a secret has no flag', () => {
  expect(flagsOf(entryOf({ kind: 'secret' }))).toBeUndefined();
  expect(flagsOf({ ...entryOf({ kind: 'text' }), short: 's', placeholder: 'x' })).toBe(
    '-s, --some-option <x>',
  );
});

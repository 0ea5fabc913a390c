// The table of options on commander's commands: flags with their checks, and what the environment says where no flag does.
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  environmentName,
  flagsOf,
  optionsOf,
  parseOption,
  valuesOf,
  type OptionEntry,
  type OptionValue,
} from '@millrace/common';

/** How a command is typed behind `millrace`. */
export function verbOf(command: Command): string {
  const names: string[] = [];
  let at = command;
  while (at.parent !== null) {
    names.unshift(at.name());
    at = at.parent;
  }
  return names.join(' ');
}

const ENVIRONMENT_HELP =
  '\nEnvironment:\n  each option also as MILLRACE_<OPTION>, --config-dir as MILLRACE_CONFIG_DIR; flags come first\n';

/** Adds the options that the table has for this verb. */
export function withOptions(command: Command): Command {
  command.addHelpText('after', ENVIRONMENT_HELP);
  for (const entry of optionsOf(verbOf(command))) {
    const flags = flagsOf(entry);
    if (flags !== undefined) command.addOption(optionOf(entry, flags));
  }
  return command;
}

function optionOf(entry: OptionEntry, flags: string): Option {
  const option = new Option(flags, helpOf(entry));
  if (entry.default !== undefined) option.default(entry.default);
  if (entry.type.kind !== 'switch') {
    option.argParser((text: string, previous: OptionValue | undefined) => {
      try {
        return parseOption(entry, text, `--${entry.name}`, previous);
      } catch {
        throw new InvalidArgumentError(`--${entry.name} is ${valuesOf(entry)}.`); // It is shown with what was given.
      }
    });
  }
  return option;
}

function helpOf({ help, type, defaultText }: OptionEntry): string {
  const choices = type.kind === 'choice' ? `: ${type.choices.join(', ')}` : '';
  return `${help}${choices}${defaultText === undefined ? '' : ` (default: ${defaultText})`}`;
}

/**
 * Gives each option of the command that no flag set the value of its environment variable, if that is set and not empty.
 * @throws {MillraceError} MR_OPTION_INVALID
 */
export function applyEnvironment(command: Command, environment: NodeJS.ProcessEnv): void {
  for (const entry of optionsOf(verbOf(command))) {
    const variable = environmentName(entry);
    const text = environment[variable];
    if (text === undefined || text === '') continue;
    const isNegated = entry.name.startsWith('no-');
    const key = camelCase(isNegated ? entry.name.slice('no-'.length) : entry.name);
    if (command.getOptionValueSource(key) === 'cli') continue;
    const value = parseOption(entry, text, variable);
    command.setOptionValueWithSource(key, isNegated ? value !== true : value, 'env');
  }
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

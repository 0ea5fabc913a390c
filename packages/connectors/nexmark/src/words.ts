// What the strings of events are made of. All of it is ASCII, so that characters are bytes.
import { below, mix, stateOf, wordOf } from './draws.ts';

/** Channels by number; after these come the hot ones. */
export const CHANNELS = 10_000;
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];
const FIRST_NAMES = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',');
const LAST_NAMES = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',');
const CITIES = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(
  ',',
);
const STATES = 'AZ,CA,ID,OR,WA,WY'.split(',');

const TEXT = -1;
const FIRST_URL = -2;
const OFFSETS = 65_536;
const LONGEST = 1_024;
const SPACE = 32;

/** Takes draws one after the other: for what is made once. */
class Draws {
  readonly #state: number;
  #draw = 0;

  constructor(state: number) {
    this.#state = state;
  }

  below(bound: number): number {
    this.#draw++;
    return below(wordOf(this.#state, this.#draw), bound);
  }

  character(special: string): string {
    return this.below(13) === 0 ? special : String.fromCharCode(97 + this.below(26));
  }
}

/** Strings of a seed. */
export class Words {
  readonly #mixedSeed: number;
  readonly #text: string;
  readonly #urls: (string | undefined)[] = [];
  readonly #channels: readonly string[];

  constructor(seed: number) {
    this.#mixedSeed = mix(seed);
    const draws = new Draws(stateOf(this.#mixedSeed, TEXT));
    const codes = new Uint8Array(OFFSETS + LONGEST);
    for (let index = 0; index < codes.length; index++) codes[index] = draws.character(' ').charCodeAt(0);
    this.#text = new TextDecoder('latin1').decode(codes);
    this.#channels = [
      ...Array.from({ length: CHANNELS }, (_, channel) => `channel-${channel}`),
      ...HOT_CHANNELS,
    ];
    this.#urls = this.#channels.map(() => undefined);
  }

  /** From 3 to `max` − 1 characters of the text, then without the spaces at its ends; takes two draws. */
  words(state: number, draw: number, max: number): string {
    const start = below(wordOf(state, draw + 1), OFFSETS);
    return trimmed(this.#text, start, start + 3 + below(wordOf(state, draw), max - 3));
  }

  /** Fills an event of `bytes` up to `average`, give or take a fifth of what is missing; takes two draws. */
  // oxlint-disable-next-line max-params -- numbers, for each event
  extra(state: number, draw: number, bytes: number, average: number): string {
    const rest = average - bytes;
    const spread = Math.floor((2 * rest + 5) / 10);
    const length = rest - spread + below(wordOf(state, draw), 2 * spread);
    const start = below(wordOf(state, draw + 1), OFFSETS);
    return this.#text.slice(start, start + length);
  }

  channel(number: number): string {
    return this.#channels[number] as string;
  }

  url(channel: number): string {
    return (this.#urls[channel] ??= this.#makeUrl(channel));
  }

  #makeUrl(channel: number): string {
    const draws = new Draws(stateOf(this.#mixedSeed, FIRST_URL - channel));
    const part = (): string => {
      let text = '';
      for (let left = 3 + draws.below(2); left > 0; left--) text += draws.character('_');
      return text;
    };
    const parts = [part(), part(), part()];
    const isBare = draws.below(10) === 0;
    const id = channel >= CHANNELS || isBare ? '' : `&channel_id=${Math.abs(reversed(channel))}`;
    // `join` makes one piece of it: what is put together stays a tree of its parts, and whoever writes the text of many walks each.
    return [
      ...parts.flatMap((text, index) => [index === 0 ? 'https://www.nexmark.com/' : '/', text]),
      '/item.htm?query=1',
      id,
    ].join('');
  }
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && text.charCodeAt(start) === SPACE) start++;
  while (start < end && text.charCodeAt(end - 1) === SPACE) end--;
  return text.slice(start, end);
}

/** The 32 bits in reverse order, as a signed number. */
function reversed(value: number): number {
  let result = 0;
  for (let bit = 0; bit < 32; bit++) result = (result << 1) | ((value >>> bit) & 1);
  return result;
}

/** Takes two draws. */
export function personName(state: number, draw: number): string {
  const first = FIRST_NAMES[below(wordOf(state, draw), FIRST_NAMES.length)] as string;
  return `${first} ${LAST_NAMES[below(wordOf(state, draw + 1), LAST_NAMES.length)] as string}`;
}

/** Four groups of four digits; takes four draws. */
export function creditCard(state: number, draw: number): string {
  let card = '';
  for (let group = 0; group < 4; group++) {
    const digits = String(below(wordOf(state, draw + group), 10_000)).padStart(4, '0');
    card += group === 0 ? digits : ` ${digits}`;
  }
  return card;
}

/** Takes one draw. */
export function cityOf(state: number, draw: number): string {
  return CITIES[below(wordOf(state, draw), CITIES.length)] as string;
}

/** Takes one draw. */
export function usState(state: number, draw: number): string {
  return STATES[below(wordOf(state, draw), STATES.length)] as string;
}

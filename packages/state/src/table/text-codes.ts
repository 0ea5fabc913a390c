// [HOT] Texts as small numbers. One that comes several times in a row, as days and names of kinds do, is not looked up again.
import { COPIED_LENGTH_MAX, flattenString } from './own-key.ts';

/** Numbers of texts: 0, 1, 2, … in the order of their first coming. Bounds: `textsMax` texts. */
export class TextCodes {
  /** By number; only added to. */
  readonly texts: string[] = [];
  readonly #textsMax: number;
  readonly #codes = new Map<string, number>();
  #last = '';
  #lastCode = -1;

  constructor(textsMax: number) {
    this.#textsMax = textsMax;
  }

  /** -1: it has none. */
  find(text: string): number {
    if (text === this.#last && this.#lastCode >= 0) return this.#lastCode;
    const code = this.#codes.get(text) ?? -1;
    if (code >= 0) this.#remember(text, code);
    return code;
  }

  /** As `find`, and gives it one; -1: there is no room. */
  take(text: string): number {
    const found = this.find(text);
    if (found >= 0 || this.texts.length === this.#textsMax) return found;
    const code = this.texts.length;
    // A piece of a batch's text would keep all of it alive.
    const own = flattenString(text);
    this.texts.push(own);
    this.#codes.set(own, code);
    this.#remember(text, code);
    return code;
  }

  /** The text that is asked for is compared faster with itself, but a long one may pin what it was cut from. */
  #remember(text: string, code: number): void {
    this.#last = text.length <= COPIED_LENGTH_MAX ? text : (this.texts[code] as string);
    this.#lastCode = code;
  }
}

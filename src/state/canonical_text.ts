// Whether a text is canonical JSON (RFC 8785), told in one pass over it. Texts
// of foreign batches come in; out comes yes, or that it cannot tell. To parse a
// value and write it again takes ten times as long, and nearly every value that
// is published is of the plain kind that this knows: ASCII without escapes,
// whole numbers, sorted names. It must never say yes to another text.

const character = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  backslash: 0x5c,
  openArray: 0x5b,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** Whole numbers of so many digits are exact. */
const digitsMax = 15;

/**
 * True when `text` is the canonical form of its value, and nests no deeper than
 * `depthMax`; false when it may be or not.
 */
export function isPlainCanonicalJson(
  text: string,
  { depthMax }: { readonly depthMax: number },
): boolean {
  const scan = new Scan(text, depthMax);
  return scan.value() && scan.isAtEnd;
}

/** Each method moves past one thing, or says no. */
class Scan {
  readonly #text: string;
  #at = 0;
  #depthLeft: number;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthLeft = depthMax;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  value(): boolean {
    switch (this.#text.charCodeAt(this.#at)) {
      case character.quote:
        return this.#string();
      case character.openObject:
        return this.#nested(() => this.#object());
      case character.openArray:
        return this.#nested(() => this.#array());
      default:
        return this.#wholeNumber() || this.#literal("true") ||
          this.#literal("false") || this.#literal("null");
    }
  }

  #nested(inner: () => boolean): boolean {
    if (this.#depthLeft === 0) return false;
    this.#depthLeft--;
    this.#at++;
    const isCanonical = inner();
    this.#depthLeft++;
    return isCanonical;
  }

  #array(): boolean {
    if (this.#take(character.closeArray)) return true;
    do {
      if (!this.value()) return false;
    } while (this.#take(character.comma));
    return this.#take(character.closeArray);
  }

  #object(): boolean {
    if (this.#take(character.closeObject)) return true;
    let last: string | undefined;
    do {
      const start = this.#at;
      if (!this.#string()) return false;
      // With their quotes they sort differently: a name may begin another.
      const name = this.#text.slice(start + 1, this.#at - 1);
      if (last !== undefined && name <= last) return false;
      last = name;
      if (!this.#take(character.colon) || !this.value()) return false;
    } while (this.#take(character.comma));
    return this.#take(character.closeObject);
  }

  #string(): boolean {
    const text = this.#text;
    if (!this.#take(character.quote)) return false;
    for (let at = this.#at; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === character.quote) {
        this.#at = at + 1;
        return true;
      }
      if (code < 0x20 || code > 0x7e || code === character.backslash) {
        return false;
      }
    }
    return false;
  }

  /** What follows a number decides whether it was one: never a digit. */
  #wholeNumber(): boolean {
    const text = this.#text;
    const isNegative = text.charCodeAt(this.#at) === character.minus;
    const start = this.#at + (isNegative ? 1 : 0);
    let end = start;
    while (isDigit(text.charCodeAt(end))) end++;
    const length = end - start;
    if (length === 0 || length > digitsMax) return false;
    const isZero = text.charCodeAt(start) === character.zero;
    if (isZero && (isNegative || length > 1)) return false;
    this.#at = end;
    return true;
  }

  #literal(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }
}

function isDigit(code: number): boolean {
  return code >= character.zero && code <= character.nine;
}

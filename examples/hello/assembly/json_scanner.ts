// Checks a JSON text (RFC 8259) and finds the value of one member of the
// object that it holds. In go UTF-8 bytes, out goes where the value stands, or
// what is wrong and where. It builds no values: a greeting needs the raw bytes
// of one string only, so nothing is decoded and nothing is encoded again.

const DEPTH_MAX = 64;

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

export class JsonScanner {
  /** What is wrong with the text; empty while nothing is. */
  problem: string = "";
  /** First byte of the member's value, or -1 when it is missing. */
  valueStart: i32 = -1;
  /** One past the last byte of the member's value. */
  valueEnd: i32 = -1;
  private at: i32 = 0;

  constructor(private bytes: StaticArray<u8>, private member: string) {}

  /** Scans the whole text. False when it is not JSON: see `problem`. */
  scan(): bool {
    if (!this.value(0)) return false;
    return this.peek() == 0 && this.at == this.bytes.length
      ? true
      : this.unexpected();
  }

  private value(depth: i32): bool {
    if (depth > DEPTH_MAX) {
      this.problem = "it is nested too deeply";
      return false;
    }
    const first = this.peek();
    let good = false;
    if (first == QUOTE) good = this.text();
    else if (first == 0x7b) good = this.object(depth);
    else if (first == 0x5b) good = this.array(depth);
    else if (first == 0x74) good = this.word("true");
    else if (first == 0x66) good = this.word("false");
    else if (first == 0x6e) good = this.word("null");
    else good = this.number();
    return good;
  }

  private object(depth: i32): bool {
    this.at++;
    if (this.peek() == 0x7d) return this.take(0x7d);
    do {
      if (this.peek() != QUOTE) return this.unexpected();
      const start = this.at;
      if (!this.text()) return false;
      const wanted = depth == 0 && this.isMember(start + 1, this.at - 1);
      if (this.peek() != 0x3a) return this.unexpected();
      this.at++;
      this.peek();
      const valueStart = this.at;
      if (!this.value(depth + 1)) return false;
      if (wanted) {
        // As in JSON.parse, the last of several equal names counts.
        this.valueStart = valueStart;
        this.valueEnd = this.at;
      }
    } while (this.comma());
    return this.take(0x7d);
  }

  private array(depth: i32): bool {
    this.at++;
    if (this.peek() == 0x5d) return this.take(0x5d);
    do {
      if (!this.value(depth + 1)) return false;
    } while (this.comma());
    return this.take(0x5d);
  }

  private text(): bool {
    const length = this.bytes.length;
    this.at++;
    while (this.at < length) {
      const byte = unchecked(this.bytes[this.at]);
      if (byte < 0x20) break;
      this.at++;
      if (byte == QUOTE) return true;
      if (byte == BACKSLASH && !this.escape()) return false;
    }
    return this.unexpected();
  }

  private escape(): bool {
    const kind = this.byte();
    if (kind == 0x75) {
      this.at++;
      for (let i = 0; i < 4; i++) {
        if (hexDigit(this.byte()) < 0) return this.unexpected();
        this.at++;
      }
      return true;
    }
    const simple = kind == QUOTE || kind == BACKSLASH || kind == 0x2f ||
      kind == 0x62 || kind == 0x66 || kind == 0x6e || kind == 0x72 ||
      kind == 0x74;
    if (!simple) return this.unexpected();
    this.at++;
    return true;
  }

  private number(): bool {
    if (this.byte() == 0x2d) this.at++;
    if (this.byte() == 0x30) this.at++;
    else if (!this.digits()) return false;
    if (this.byte() == 0x2e) {
      this.at++;
      if (!this.digits()) return false;
    }
    if ((this.byte() | 0x20) != 0x65) return true;
    this.at++;
    if (this.byte() == 0x2b || this.byte() == 0x2d) this.at++;
    return this.digits();
  }

  private digits(): bool {
    const start = this.at;
    while (this.byte() >= 0x30 && this.byte() <= 0x39) this.at++;
    return this.at > start ? true : this.unexpected();
  }

  private word(expected: string): bool {
    for (let i = 0; i < expected.length; i++) {
      if (this.byte() != expected.charCodeAt(i)) return this.unexpected();
      this.at++;
    }
    return true;
  }

  /** Whether the raw text of a name, escapes included, is the member's. */
  private isMember(start: i32, end: i32): bool {
    let at = start;
    for (let i = 0; i < this.member.length; i++) {
      if (at >= end) return false;
      let code: i32 = unchecked(this.bytes[at++]);
      if (code == BACKSLASH) {
        // No short escape stands for a letter, so only \uXXXX can match.
        if (unchecked(this.bytes[at++]) != 0x75) return false;
        code = 0;
        for (let digit = 0; digit < 4; digit++) {
          code = code << 4 | hexDigit(unchecked(this.bytes[at++]));
        }
      }
      if (code != this.member.charCodeAt(i)) return false;
    }
    return at == end;
  }

  private comma(): bool {
    if (this.peek() != 0x2c) return false;
    this.at++;
    return true;
  }

  private take(expected: u8): bool {
    if (this.peek() != expected) return this.unexpected();
    this.at++;
    return true;
  }

  /** The next byte that is not white space, not taken; 0 at the end. */
  private peek(): u8 {
    let byte = this.byte();
    while (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09) {
      this.at++;
      byte = this.byte();
    }
    return byte;
  }

  private byte(): u8 {
    return this.at < this.bytes.length ? unchecked(this.bytes[this.at]) : 0;
  }

  private unexpected(): bool {
    this.problem = this.at < this.bytes.length
      ? "unexpected character at byte " + decimal(this.at)
      : "it ends too early";
    return false;
  }
}

function hexDigit(byte: u8): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** As `toString()`, which would add 2 KB of digit tables to the module. */
function decimal(value: i32): string {
  let text = "";
  do {
    text = String.fromCharCode(0x30 + value % 10) + text;
    value /= 10;
  } while (value > 0);
  return text;
}

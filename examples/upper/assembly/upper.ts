// The upper-case seed. In goes UTF-8 text, out goes the same text in upper
// case, by Unicode's rules and for no language in particular ("ß" becomes
// "SS"). It must never guess at bytes that are not text: they are an error.

import {
  beginCall,
  encodeUtf8,
  fail,
  readInput,
  succeed,
} from "../../assembly/extism";
import { isUtf8 } from "../../assembly/utf8";

export function handle(): i32 {
  beginCall();
  const input = readInput();
  if (!isUtf8(input)) return fail("The input is not valid UTF-8.");
  const text = String.UTF8.decodeUnsafe(
    changetype<usize>(input),
    input.length,
  );
  return succeed(encodeUtf8(text.toUpperCase()));
}

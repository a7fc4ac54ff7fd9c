// The greeting seed. In goes {"name":"Ada"}, out goes
// {"greeting":"Hello, Ada!"}. Anything else fails with one clear sentence. The
// name is copied as it stands in the input: between its quotes it is already a
// correct piece of JSON, whatever quotes, escapes or letters it has.

import {
  beginCall,
  encodeUtf8,
  fail,
  readInput,
  succeed,
} from "../../assembly/extism";
import { isUtf8 } from "../../assembly/utf8";
import { JsonScanner } from "./json_scanner";

const EXAMPLE = ': send JSON such as {"name":"Ada"}.';

export function greet(): i32 {
  beginCall();
  const input = readInput();
  if (input.length == 0) return fail("The input is empty" + EXAMPLE);
  if (!isUtf8(input)) return fail("The input is not valid UTF-8.");
  const json = new JsonScanner(input, "name");
  if (!json.scan()) {
    return fail("The input is not valid JSON: " + json.problem + ".");
  }
  if (json.valueStart < 0) return fail('"name" is missing' + EXAMPLE);
  if (unchecked(input[json.valueStart]) != 0x22) {
    return fail('"name" is not a string' + EXAMPLE);
  }
  return succeed(greeting(input, json.valueStart + 1, json.valueEnd - 1));
}

function greeting(
  input: StaticArray<u8>,
  start: i32,
  end: i32,
): StaticArray<u8> {
  const before = encodeUtf8('{"greeting":"Hello, ');
  const after = encodeUtf8('!"}');
  const length = end - start;
  const output = new StaticArray<u8>(before.length + length + after.length);
  const to = changetype<usize>(output);
  const nameTo = to + before.length;
  memory.copy(to, changetype<usize>(before), before.length);
  memory.copy(nameTo, changetype<usize>(input) + start, length);
  memory.copy(nameTo + length, changetype<usize>(after), after.length);
  return output;
}

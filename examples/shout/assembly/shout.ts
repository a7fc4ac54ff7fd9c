// A seed that calls another seed. `shout` asks the seed `upper` and adds "!";
// `relay` hands the whole call over to it and is done; `whoami` tells who
// called. In and out go bytes. It must say so when the other seed gave no
// answer, and never pass an empty answer off as one.

import {
  beginCall,
  encodeUtf8,
  fail,
  readBlock,
  readInput,
  succeed,
  writeBlock,
} from "../../assembly/extism";
import {
  pollenCallerInfo,
  pollenLog,
  pollenRequest,
} from "../../assembly/imports";
import { base64Length, encodeBase64 } from "./base64";

const UPPER = "pln://seed/upper/handle";
const LEVEL_INFO = 1;

/** Answers with the upper case of the input and an exclamation mark. */
export function shout(): i32 {
  beginCall();
  log("shout asks " + UPPER);
  const input = writeBlock(readInput());
  const answer = pollenRequest(writeBlock(encodeUtf8(UPPER)), input);
  if (answer == 0) {
    return fail("No answer from " + UPPER + ': is the seed "upper" running?');
  }
  return succeed(concat(readBlock(answer), encodeUtf8("!")));
}

/** Answers with the marker that lets the host call `upper` in its place. */
export function relay(): i32 {
  beginCall();
  const input = readInput();
  const head = encodeUtf8(
    '{"kind":"tail_call","uri":"' + UPPER + '","input":"',
  );
  const base64 = new StaticArray<u8>(base64Length(input.length));
  encodeBase64(input, changetype<usize>(base64));
  return succeed(concat(concat(head, base64), encodeUtf8('"}')));
}

/** Answers with the JSON that the host has about the caller. */
export function whoami(): i32 {
  beginCall();
  const caller = pollenCallerInfo();
  return succeed(caller == 0 ? encodeUtf8("{}") : readBlock(caller));
}

function log(message: string): void {
  pollenLog(LEVEL_INFO, writeBlock(encodeUtf8(message)));
}

function concat(a: StaticArray<u8>, b: StaticArray<u8>): StaticArray<u8> {
  const joined = new StaticArray<u8>(a.length + b.length);
  const to = changetype<usize>(joined);
  memory.copy(to, changetype<usize>(a), a.length);
  memory.copy(to + a.length, changetype<usize>(b), b.length);
  return joined;
}

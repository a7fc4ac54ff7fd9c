// What a user's file is, told by its first bytes, and its content when it is a
// WASM module. Everything else is refused before it is read whole, with the
// reason and the next step; names decide only how the refusal is put.

import {
  type Bytes,
  equalBytes,
  InputError,
  LimitError,
  limits,
  NotFoundError,
} from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";
import { printable, sizeText } from "./render.ts";

/** "\0asm", then version and layer as 16 bits each (WebAssembly, binary). */
const magic = new Uint8Array([0x00, 0x61, 0x73, 0x6d]);
const headBytes = 8;

/**
 * @throws {NotFoundError | DeniedError} No such file, or not readable.
 * @throws {InputError | LimitError} No module, or over 64 MiB.
 */
export async function readModule(
  invocation: Invocation,
  typed: string,
): Promise<Bytes> {
  const { terminal } = invocation;
  const bytesMax = limits.moduleBytesMax;
  if (typed === "-") {
    const bytes = await terminal.stdin.read(bytesMax);
    if (bytes.length === 0) {
      throw new InputError("Standard input is empty", {
        hint: "Send a module into it: pln seed - hello <hello.wasm",
      });
    }
    checkHead(bytes.subarray(0, headBytes), "Standard input");
    return bytes;
  }
  if (typed === "" || typed.includes("\0")) {
    throw new InputError("The path is empty or holds a NUL character", {
      hint: "Give the path of a .wasm file",
    });
  }
  const path = invocation.resolve(typed);
  const shown = printable(typed.slice(0, 200));
  const type = await terminal.fileType(path);
  if (type === undefined) {
    throw new NotFoundError(`${shown} does not exist`, {
      hint: "Check the path",
    });
  }
  if (type === "directory") {
    throw new InputError(`${shown} is a directory`, {
      hint: "Directories are published as sites, which come with release 0.5",
    });
  }
  if (type === "other") {
    throw new InputError(`${shown} is no regular file`, {
      hint: 'Give a file, or "-" for standard input',
    });
  }
  checkHead(await terminal.readHead(path, headBytes), shown);
  try {
    return await terminal.readFile(path, { bytesMax });
  } catch (cause) {
    if (!(cause instanceof LimitError)) throw cause;
    throw new LimitError(`${shown} is over ${sizeText(bytesMax)}`, {
      cause,
      hint: "Strip it: wasm-opt -Oz --strip-debug",
    });
  }
}

/** @param shown How the file is named in messages. */
function checkHead(head: Bytes, shown: string): void {
  if (head.length === 0) {
    throw new InputError(`${shown} is empty`, {
      hint: "Build it again, or check the path",
    });
  }
  if (!equalBytes(head.subarray(0, magic.length), magic)) {
    throw notWasm(head, shown);
  }
  if (head.length < headBytes) {
    throw new InputError(`${shown} ends after ${head.length} bytes`, {
      hint: "It was cut off: build or copy it again",
    });
  }
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const [version, layer] = [view.getUint16(4, true), view.getUint16(6, true)];
  if (layer === 1) {
    throw new InputError(`${shown} is a WASM component, not a module`, {
      hint: "Build it for wasip1 or wasm32-unknown-unknown instead",
    });
  }
  if (layer === 0 && version === 1) return;
  throw new InputError(
    `${shown} has WASM version ${version}, layer ${layer}; only 1, 0 runs`,
    { hint: "Build it with a released toolchain" },
  );
}

function notWasm(head: Bytes, shown: string): InputError {
  if (!shown.toLowerCase().endsWith(".wasm")) {
    return new InputError(`${shown} is no WASM module`, {
      hint: "Other files are published as blobs, which come with release 0.4",
    });
  }
  return new InputError(
    `${shown} is no WASM module: it starts with ${head.toHex()}`,
    { hint: "A module starts with 0061736d; was it built?" },
  );
}

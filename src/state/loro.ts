// The Loro engine, ready to use: its module is compiled when this file is
// imported. Nothing comes in but the module's bytes, which Deno gives without
// any right. It must never come from the package's "base64" entry: that keeps
// 20 MB of source text alive and takes twice as long to load.

import moduleBytes from "loro-crdt/web/loro_wasm_bg.wasm" with {
  type: "bytes",
};
import { initSync, LoroDoc, type LoroMap } from "loro-crdt/web";

initSync({ module: moduleBytes });
// The engine has its own copy, and a module's exports are never collected.
moduleBytes.buffer.transfer(0);

export { LoroDoc, type LoroMap };

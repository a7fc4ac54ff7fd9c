// The project's lint plugin: STYLE.md and the import order, as rules.
// In: deno.json names this file under lint.plugins. Out: the rules tidy/*,
// which look at src and main.ts (tidy/names also at tests and examples).
// It must never hold a list of exempted files.

import { ambient, noFloatingExit } from "./ambient.ts";
import { header } from "./header.ts";
import { importOrder } from "./import_order.ts";
import { names } from "./names.ts";
import { packages } from "./packages.ts";
import { parameters } from "./parameters.ts";
import { size } from "./size.ts";
import { noDefaultExport, noEnum, noNull } from "./syntax.ts";
import { workers } from "./workers.ts";

const plugin: Deno.lint.Plugin = {
  name: "tidy",
  rules: {
    ambient,
    header,
    "import-order": importOrder,
    names,
    "no-default-export": noDefaultExport,
    "no-enum": noEnum,
    "no-floating-exit": noFloatingExit,
    "no-null": noNull,
    packages,
    parameters,
    size,
    workers,
  },
};

// Deno loads a lint plugin by its default export.
export default plugin;

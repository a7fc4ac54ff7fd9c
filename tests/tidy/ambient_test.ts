// Examples of what tidy/ambient and tidy/no-floating-exit accept and refuse.
// In: made-up files that never touch the disk. Out: one test per example.
// It must never run the code of an example.

import { testsOf } from "./examples.ts";

const ambient = testsOf("ambient");
const exit = testsOf("no-floating-exit");

ambient.accepts("ports, and pure members of Date and Math", {
  file: "src/mesh/engine.ts",
  source: `
    const now = clock.now();
    const then = new Date(now), sum = Math.max(1, Date.UTC(2020, 1));
    const { floor } = Math;
    const isDate = then instanceof Date || signal instanceof AbortSignal;
    const any = AbortSignal.any([signal]);
    queueMicrotask(() => globalThis.structuredClone(sum));
    class Instant extends Date {}
  `,
});

ambient.accepts("properties, keys and labels with a global's name", {
  file: "src/mesh/engine.ts",
  source: `
    ports.crypto.sign(ports?.console, ports["fetch"]);
    const needs = { crypto: 1, fetch() {}, get console() { return 1; } };
    const { performance: clock, ["self"]: me } = needs;
    class Port { fetch = 1; static confirm() {} accessor alert = 2; }
    process: for (;;) break process;
    export { needs as crypto };
    import { crypto as signer } from "./signer.ts";
  `,
});

ambient.accepts("types with a global's name", {
  file: "src/ports/web.ts",
  source: `
    export interface Web { fetch: typeof fetch; crypto: Crypto }
    export type Make = (fetch: Worker, ...console: Date[]) => Deno.Conn;
    export type Pick = ({ crypto }: Web) => asserts crypto is Web;
    const conn = value as Deno.Conn satisfies Worker;
    class Fake<T extends Worker> implements Worker {}
    function over(self: Worker): void;
    function over(me: Worker): Deno.Conn { return me; }
  `,
});

ambient.accepts("names that the file itself declares", {
  file: "src/seeds/host.ts",
  source: `
    import { crypto } from "./crypto.ts";
    import process, * as navigator from "./process.ts";
    import type { Worker } from "../ports/mod.ts";
    crypto.sign(process, navigator, Worker);
    function run(fetch, { console, a: [self] = [] }, ...prompt) {
      return fetch(console, self, prompt);
    }
    const arrow = (setTimeout = 1) => setTimeout;
    class Host { constructor(private performance) { performance(); } }
    function early() { return late(confirm) + alert(); function alert() {} }
    { const late = 1; var confirm = late; }
    const named = function localStorage() { return localStorage; };
    for (const fetch of []) fetch();
    try { run(); } catch (console) { console(); }
    function hoists() { alert(); if (named) { var alert = 1; } }
  `,
});

ambient.accepts("everything in src/adapters", {
  file: "src/adapters/clock.ts",
  source: "setTimeout(() => console.log(Date.now(), Deno.pid), 1);" +
    'new Worker(new URL("./worker.ts", import.meta.url));',
});

ambient.accepts("Deno.exit and import.meta in main.ts", {
  file: "main.ts",
  source: "if (import.meta.main) Deno.exit(await run(import.meta.url));",
});

ambient.refuses("each whole global", {
  file: "src/sim/world.ts",
  source: [
    ...["Deno.args", "setTimeout(f)", "setInterval(f)", "clearTimeout(1)"],
    ...["clearInterval(1)", "crypto.subtle", "new Worker(f)", "console.log()"],
    ...["performance.now()", "fetch(f)", "navigator.userAgent", "process.env"],
    ...["self.x", "prompt()", "alert()", "confirm()", "localStorage.x"],
  ].join(";\n"),
  says: [
    ...[/Deno.args/, /setTimeout/, /setInterval/, /clearTimeout/],
    ...[/clearInterval/, /crypto.subtle/, /Worker/, /console.log/],
    ...[/performance.now/, /fetch/, /navigator.userAgent/, /process.env/],
    ...[/self.x/, /prompt/, /alert/, /confirm/, /localStorage/],
  ],
});

ambient.refuses("the clock and randomness", {
  file: "src/node/mod.ts",
  source: "Date.now(); new Date(); new Date; Date(); Math.random();" +
    'AbortSignal.timeout(5); Date["now"](); const draw = Math.random;',
  says: [
    ...[/"Date.now"/, /"Date"/, /"Date"/, /"Date"/, /"Math.random"/],
    ...[/"AbortSignal.timeout"/, /"Date.now"/, /"Math.random"/],
  ],
});

ambient.refuses("globals by way of globalThis", {
  file: "src/node/mod.ts",
  source: "globalThis.crypto; (globalThis as T).Date?.now();" +
    'globalThis["console"].log(); globalThis.globalThis.fetch(1);' +
    "new globalThis.Date(); globalThis[name]; f(globalThis);" +
    "const { crypto, Date: { now }, Map } = globalThis;",
  says: [
    ...[/"crypto"/, /"Date.now"/, /"console.log"/, /"fetch"/, /"Date"/],
    ...[/"globalThis"/, /"globalThis"/, /"crypto"/, /"Date.now"/],
  ],
});

ambient.refuses("other names for the clock and randomness", {
  file: "src/node/mod.ts",
  source: "const { now } = Date; const { random = 1 } = Math;" +
    "const Clock = Date; function f(D = Date, { now } = Date) {}" +
    "const { ...rest } = Math; Math[name](); let m; m = Math;" +
    "import deno = Deno.errors;",
  says: [
    ...[/"Date.now"/, /"Math.random"/, /"Date"/, /"Date"/, /"Date.now"/],
    ...[/"Math"/, /"Math"/, /"Math"/, /"Deno"/],
  ],
});

ambient.refuses("a global in a value, a shorthand or a default", {
  file: "src/node/mod.ts",
  source: "f({ crypto }); f({ a: fetch, [self]: 1 }); [...navigator];" +
    "const g = (send = fetch) => send; f(typeof Deno); f`${console}`;" +
    "class A extends Worker { log = console; accessor a = alert; }",
  says: [
    ...[/"crypto"/, /"fetch"/, /"self"/, /"navigator"/, /"fetch"/],
    ...[/"Deno"/, /"console"/, /"Worker"/, /"console"/],
    /"alert"/,
  ],
});

ambient.refuses("a global that only another scope or a type shadows", {
  file: "src/node/mod.ts",
  source: `
    function f(crypto, a = alert) { const fetch = crypto; var alert; }
    crypto(fetch);
    { let console; } console.log();
    interface Worker {} new Worker();
    type self = 1; self;
    declare const Deno: { pid: number }; Deno.pid;
    declare function confirm(): void; confirm();
    const named = function prompt() {}; prompt();
  `,
  says: [
    ...[/"alert"/, /"crypto"/, /"fetch"/, /"console.log"/, /"Worker"/],
    ...[/"self"/, /"Deno.pid"/, /"confirm"/, /"prompt"/],
  ],
});

ambient.refuses("all of Deno but exit in main.ts", {
  file: "main.ts",
  source: "Deno.exit(run(Deno.args, Deno.execPath())); const d = Deno;",
  says: [/"Deno.args"/, /"Deno.execPath"/, /"Deno"/],
});

ambient.refuses("import.meta in src", {
  file: "src/daemon/mod.ts",
  source: "open(import.meta.url); open(import.meta.dirname);",
  says: [/where their code lies/, /where their code lies/],
});

exit.accepts("Deno.exit in main.ts", {
  file: "main.ts",
  source: "Deno.exit(0);",
});

exit.accepts("other members, and an exit of its own", {
  file: "src/adapters/process.ts",
  source: "Deno.exitCode = 1; scope.exit(); function f(Deno) { Deno.exit(); }",
});

exit.refuses("Deno.exit everywhere else", {
  file: "src/adapters/process.ts",
  source: "Deno.exit(1); globalThis.Deno.exit(1); const { exit } = Deno;" +
    "process.exit(1); const stop = Deno.exit;",
  says: Array.from({ length: 5 }, () => /Only main.ts ends the process/),
});

// Where a setting comes from: flags before the environment before the file
// before the defaults, each with its origin.

import assert from "node:assert/strict";
import {
  effectiveSettings,
  parseSetting,
  settingsOf,
  type SettingSources,
  settingVariable,
} from "../../src/config/mod.ts";

function sources(given: Partial<SettingSources> = {}): SettingSources {
  return {
    flags: {},
    environment: () => undefined,
    file: {},
    hostname: "box",
    ...given,
  };
}

const environment = (variables: Record<string, string>) => (name: string) =>
  variables[name];

Deno.test("effectiveSettings() has defaults for everything", () => {
  assert.deepEqual(effectiveSettings(sources()), {
    "name": { value: "box", origin: "default" },
    "port": { value: 60_611, origin: "default" },
    "public": { value: false, origin: "default" },
    "ips": { value: undefined, origin: "default" },
    "http": { value: undefined, origin: "default" },
    "static-http": { value: undefined, origin: "default" },
    "log-level": { value: "info", origin: "default" },
  });
});

Deno.test("effectiveSettings() makes a valid name of any host name", () => {
  const nameOf = (hostname: string) =>
    effectiveSettings(sources({ hostname })).name.value;
  assert.equal(nameOf("Ann's Laptop"), "ann-s-laptop");
  assert.equal(nameOf(""), "node");
  assert.equal(nameOf("localhost"), "node");
  assert.equal(nameOf("日本"), "node");
});

Deno.test("effectiveSettings() puts flags before environment before file", () => {
  const file = { "http": 1, "static-http": 1, "name": "file" } as const;
  const variables = environment({ PLN_HTTP: "2", PLN_STATIC_HTTP: "2" });
  const effective = effectiveSettings(sources({
    flags: { http: "3" },
    environment: variables,
    file,
  }));
  assert.deepEqual(effective.http, { value: 3, origin: "flag" });
  assert.deepEqual(effective["static-http"], {
    value: 2,
    origin: "environment",
  });
  assert.deepEqual(effective.name, { value: "file", origin: "file" });
});

Deno.test("effectiveSettings() lets a flag or a variable switch a port off", () => {
  const off = effectiveSettings(sources({
    flags: { http: "off" },
    environment: environment({ PLN_STATIC_HTTP: "off", PLN_NAME: "" }),
    file: { "http": 1, "static-http": 1 },
  }));
  assert.deepEqual(settingsOf(off), {
    name: "box",
    port: 60_611,
    isPublic: false,
    ips: [],
    http: undefined,
    staticHttp: undefined,
    logLevel: "info",
  });
  assert.equal(off.http.origin, "flag");
});

Deno.test("effectiveSettings() names the flag or variable at fault", () => {
  assert.throws(() => effectiveSettings(sources({ flags: { http: "x" } })), {
    message: '--http must be a port from 1 to 65535, not "x"',
    hint: 'A port such as 8080, or "off"',
  });
  const variables = environment({ PLN_LOG_LEVEL: "loud" });
  assert.throws(() => effectiveSettings(sources({ environment: variables })), {
    message: "PLN_LOG_LEVEL must be one of debug, info, warn, error, " +
      'not "loud"',
  });
});

Deno.test("parseSetting() takes ports as plain decimals only", () => {
  const label = "http";
  assert.equal(parseSetting("http", "8080", { label }), 8080);
  for (const text of ["0", "65536", "0x50", "1e3", " 80", "80.0", "-1", ""]) {
    assert.throws(() => parseSetting("http", text, { label }), text);
  }
});

Deno.test("settingVariable() is the key in capitals", () => {
  assert.equal(settingVariable("static-http"), "PLN_STATIC_HTTP");
});

Deno.test("effectiveSettings() reads port, public and ips of the mesh", () => {
  const settings = settingsOf(effectiveSettings(sources({
    flags: { port: "0", ips: "192.0.2.7, 2001:DB8:0::0007" },
    environment: environment({ PLN_PUBLIC: "true" }),
  })));
  assert.equal(settings.port, 0);
  assert.equal(settings.isPublic, true);
  assert.deepEqual(settings.ips, ["192.0.2.7", "2001:db8::7"]);
});

Deno.test("effectiveSettings() refuses what peers could not use", () => {
  const refused = (flags: Record<string, string>, message: RegExp) =>
    assert.throws(() => effectiveSettings(sources({ flags })), { message });
  refused({ port: "65536" }, /^--port must be a port from 0 to 65535/);
  refused({ port: "off" }, /^--port must be a port/);
  refused({ public: "yes" }, /^--public must be true or false/);
  const none = ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1"];
  for (const ips of ["host.example", "01.2.3.4", "fe80::1%eth0", ...none]) {
    refused({ ips }, /^--ips must be at most 8 IP addresses/);
  }
  refused({ ips: Array(9).fill("1.2.3.4").join(",") }, /^--ips must be/);
});

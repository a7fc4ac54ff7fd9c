// What keeps a daemon from starting, or from being found: none there, a second
// one, a stale socket, settings and key files that are wrong. Every command
// that meets it says so in one line with the next step, and what is on disk
// stays as it was.

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";
import { mustRecover } from "./disk_faults_lab.ts";

Deno.test("without a daemon every command that needs one exits 6", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  const commands = [
    ["status"],
    ["call", "hello", "greet", "{}"],
    ["seed", example("hello")],
    ["inspect", "hello"],
    ["unseed", "hello"],
    ["recover", "--accept-loss"],
    ...[["invite"], ["invite", "ls"], ["invite", "revoke", "3f9a"]],
    ...[["grant", "bob", "--leaf"], ["deny", "bob"], ["allow", "bob"]],
    ...[["props"], ["props", "bob", "zone=home"], ["ping", "bob"]],
    ["root", "apply", "pln-root-statement:abc"],
  ];
  for (const args of commands) {
    await lab.refused(args, {
      code: 6,
      says: /No daemon answers at .*\/pln\.sock/,
      next: /pln up -d/,
    });
  }
});

Deno.test("a second daemon is refused, with the first's id and place", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const refusal = {
    code: 1,
    says: new RegExp(`${lab.directory} already \\(process ${daemon.pid}\\)`),
    next: /pln down/,
  };
  await lab.refused(["up"], refusal);
  await lab.refused(["up", "-d"], refusal);
  await lab.refused(["init"], {
    code: 1,
    says: /There is a node in .* already/,
    next: /pln up/,
  });
  await lab.refused(["purge", "--yes"], {
    code: 1,
    says: /A daemon uses/,
    next: /pln down/,
  });
  const { node } = await lab.client.status();
  assert.equal(node.processId, daemon.pid);
});

Deno.test("a second daemon is refused also when no socket shows one", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  const hidden = lab.path("hidden.sock");
  await Deno.rename(lab.socketPath, hidden);
  await lab.refused(["up", "-d"], {
    code: 1,
    says: /A daemon already runs in/,
    next: /pln down/,
  });
  await Deno.rename(hidden, lab.socketPath);
  await lab.must(["status"]);
});

Deno.test("a stale socket gives way, another file does not", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await lab.kill(daemon);
  assert.equal((await Deno.lstat(lab.socketPath)).isSocket, true);
  await lab.refused(["status"], { code: 6, says: /No daemon/, next: /pln up/ });
  await lab.must(["up", "-d"]);
  await lab.must(["down"]);
  await Deno.writeTextFile(lab.socketPath, "mine");
  await lab.refused(["up", "-d"], {
    code: 1,
    says: /Cannot listen on .*pln\.sock: it is a regular file/,
    next: /Move it away/,
  });
  assert.equal(await Deno.readTextFile(lab.socketPath), "mine");
});

Deno.test("config.yaml: a mistake is named with its line, nothing starts", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  const mistakes = [
    { text: "# ports\nhtpp: 1\n", says: /config\.yaml:2: unknown key "htpp"/ },
    { text: "http: abc\n", says: /config\.yaml:1: "http" must be a port/ },
    { text: "http: 1\nhttp: 2\n", says: /config\.yaml:2: "http" stands on/ },
    { text: "name: [\n", says: /config\.yaml:2: / },
    { text: "- 1\n", says: /config\.yaml:1: the file must hold lines/ },
    { text: "log-level: loud\n", says: /config\.yaml:1: "log-level" must be/ },
    { text: "http: &a 1\n", says: /config\.yaml:1: anchors/ },
    { text: "name: a\0b\n", says: /config\.yaml:1: .*NUL/ },
  ];
  for (const { text, says } of mistakes) {
    await Deno.writeTextFile(lab.path("config.yaml"), text);
    const refusal = { code: 2, says, next: /Edit line|Did you mean/ };
    await lab.refused(["up", "-d"], refusal);
    await lab.refused(["set", "http", "8081"], refusal);
    assert.equal(await Deno.readTextFile(lab.path("config.yaml")), text);
  }
  await Deno.remove(lab.path("config.yaml"));
  await lab.must(["up", "-d"]);
  await Deno.writeTextFile(lab.path("config.yaml"), "htpp: 1\n");
  await lab.refused(["restart"], {
    code: 2,
    says: /config\.yaml:1/,
    next: /Did you mean "http"/,
  });
  await lab.must(["status"]);
});

Deno.test("a key that others can reach is refused, with the chmod", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  for (const name of ["node", "authority"]) {
    const path = lab.path(`keys/${name}.pem`);
    for (const mode of [0o640, 0o604]) {
      await Deno.chmod(path, mode);
      await lab.refused(["up", "-d"], {
        code: 4,
        says: new RegExp(`${path}" \\(mode 0${mode.toString(8)}\\)`),
        next: new RegExp(`chmod 600 ${path}$`),
      });
    }
    await Deno.chmod(path, 0o600);
  }
  await lab.must(["up", "-d"]);
});

Deno.test("S10 damaged keys and certificates stop the start, by name", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  const names = ["keys/node", "keys/authority", "certs/member", "certs/root"];
  for (const name of names) {
    const path = lab.path(`${name}.pem`);
    await mustRecover(lab, path, async (good) => {
      for (const bad of damages(good)) {
        await Deno.writeFile(path, bad);
        await lab.refused(["up", "-d"], {
          code: 1,
          says: new RegExp(`${path}"`),
          next: /Restore it from a backup/,
        });
        assert.deepEqual(await Deno.readFile(path), bad, "left as it is");
      }
    });
  }
});

Deno.test("S10 a missing certificate never costs the node its identity", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  const peer = await lab.must(["id"]);
  await lab.must(["down"]);
  for (const name of ["keys/node", "keys/authority", "certs/member"]) {
    const path = lab.path(`${name}.pem`);
    await mustRecover(lab, path, async () => {
      await Deno.remove(path);
      await lab.refused(["up", "-d"], {
        code: 1,
        says: new RegExp(`${path}" is missing`),
        next: /backup/,
      });
    });
  }
  await lab.must(["up", "-d"]);
  assert.equal(await lab.must(["id"]), peer);
  await lab.must(["call", "hello", "greet", '{"name":"x"}']);
});

/** Empty, rubbish, cut in half, one byte changed in the middle. */
function damages(good: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const flipped = new Uint8Array(good);
  const middle = flipped.length >> 1;
  flipped[middle] = flipped[middle] === 0x41 ? 0x42 : 0x41;
  return [
    new Uint8Array(),
    new TextEncoder().encode("rubbish\n"),
    new Uint8Array(good.subarray(0, middle)),
    flipped,
  ];
}

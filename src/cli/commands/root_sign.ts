// `pln root sign <request>`: signs with the cluster's root key what an admin's
// node asks for. It needs neither a node nor a network, shows what it is about
// to sign, asks, and prints one line for "pln root apply".

import { checkCandidate, type RootRequest } from "../../identity/mod.ts";
import { NotFoundError, toHex } from "../../kernel/mod.ts";
import { confirm } from "../confirm.ts";
import type { Run } from "../loaders.ts";
import { momentText, pairsText } from "../render.ts";
import { findRootKey, readRequest, signRequest } from "../root_key.ts";
import { propertiesText, tierText } from "../tiers.ts";

export const run: Run<"root sign"> = async (invocation, { flags, args }) => {
  const request = await readRequest(invocation, args[0] ?? "-");
  const { cluster, kind, subject, number } = request;
  await invocation.note(requestText(request));
  const signer = await invocation.platform.openSigner();
  checkCandidate({ signer }, request); // before anybody types a passphrase
  const key = await findRootKey(invocation, flags, { cluster });
  if (key === undefined) {
    throw new NotFoundError(
      `There is no root key in ${invocation.directory}`,
      { hint: "Name its file: --root-key <path>" },
    );
  }
  if (!flags.yes) {
    await confirm(invocation, "Sign this with the root key?", {
      refusal: "Nothing was signed",
    });
  }
  const { text } = await signRequest(invocation, request, { key });
  await invocation.answer(
    { version: 1, cluster, verdict: kind, subject, number, statement: text },
    `${text}\n`,
  );
};

/** Whole ids: a few digits of one could be another's. */
function requestText(request: RootRequest): string {
  const { cluster, subject, number } = request;
  return pairsText([
    ["cluster", cluster],
    ["node", subject],
    ...verdictLines(request),
    ["number", `${number}`],
  ]).trimEnd();
}

const keyDigits = 16;

/** Whose it is the node itself has signed: digits are for people to compare. */
function authorityLine(key: Uint8Array): Line {
  return ["authority key", `${toHex(key).slice(0, keyDigits)}...`];
}

type Line = readonly [name: string, value: string];

function verdictLines(request: RootRequest): readonly Line[] {
  switch (request.kind) {
    case "grant": {
      const { tier, properties, accessDeadlineMs, authority } = request;
      const may = tier === "admin" ? ", who may admit others for a year" : "";
      return [
        ["grant", `it is ${tierText(tier)}${may}`],
        [
          "properties",
          propertiesText(Object.fromEntries(properties)) || "none",
        ],
        [
          "access ends",
          accessDeadlineMs === undefined
            ? "never by itself"
            : momentText(accessDeadlineMs),
        ],
        ...(authority === undefined ? [] : [authorityLine(authority)]),
      ];
    }
    case "deny": {
      const { mode, reason } = request;
      return [
        ["deny", "its membership ends"],
        [
          "whom it let in",
          mode === "keep"
            ? "may stay"
            : "must go too, unless another admin grants them",
        ],
        ["reason", reason ?? "none given"],
      ];
    }
    case "allow":
      return [["allow", "it may come back"]];
  }
}

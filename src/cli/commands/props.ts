// `pln props [peer] [key=value ...]`: shows what a node's properties are, or
// changes some. Pairs come in; an empty value removes a property. Only admins
// may change them, and only the root those of an admin: the daemon decides.

import { DeniedError, parsePropertyKey } from "../../kernel/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { parsePairs } from "../pairs.ts";
import { pairsText } from "../render.ts";

type Properties = Readonly<Record<string, string>>;
type Holder = {
  readonly peer: string;
  readonly name?: string | undefined;
  readonly properties?: Properties | undefined;
};

export const run: Run<"props"> = async (invocation, { args }) => {
  const [first = "", ...rest] = args;
  const isNamed = first !== "" && !first.includes("=");
  const texts = isNamed ? rest : args;
  const properties = parsePairs(texts, "pln props", {
    parseKey: parsePropertyKey,
  });
  const peer = isNamed ? first : await ownPeer(invocation);
  if (texts.length === 0) {
    const { node } = await invocation.ask(({ members }) =>
      members.inspect(peer)
    );
    const { name, properties } = node;
    return await show(invocation, { peer: node.peer, name, properties });
  }
  const decision = await invocation.ask(({ members }) =>
    members.grant(peer, { properties })
  );
  if (decision.type === "done") return await show(invocation, decision);
  const flags = texts.map((text) => `--prop ${shellWord(text)}`).join(" ");
  throw new DeniedError("The properties of an admin are the root's to give", {
    hint: `Run "pln grant ${decision.peer.slice(0, 12)} ${flags}"`,
  });
};

function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]*$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function ownPeer(invocation: Invocation): Promise<string> {
  const { node } = await invocation.ask((client) => client.status());
  return node.peer;
}

async function show(invocation: Invocation, holder: Holder): Promise<void> {
  const { peer, name, properties = {} } = holder;
  const pairs = Object.entries(properties);
  await invocation.answer(
    { version: 1, peer, name, properties },
    pairs.length === 0
      ? `${nodeText(holder)} has no properties\n`
      : pairsText(pairs),
  );
}

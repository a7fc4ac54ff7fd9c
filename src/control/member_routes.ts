// The routes of the control API about members. In come a request and the parts
// of its path, out goes what to answer, or undefined for a path that is none of
// these. What is asked for is read and checked here; who may is decided by the
// handlers.

import { InputError, type Shape, shape } from "../kernel/mod.ts";
import {
  denyRequestShape,
  grantRequestShape,
  inviteRequestShape,
  type MemberHandlers,
  memberPaths,
} from "./member_api.ts";

/** A request that was read as far as its path. */
type MemberRequest = {
  /** The parts after the noun, decoded. */
  readonly names: readonly string[];
  /** The whole body, bounded. */
  readonly readJson: (what: string) => Promise<unknown>;
};

const statementShape = shape.strictObject({ statement: shape.string() });

/** Undefined: no such route. */
export async function routeMembers(
  handlers: MemberHandlers,
  { method, url, signal }: Request,
  { names, readJson }: MemberRequest,
): Promise<object | undefined> {
  const [, version = "", noun = ""] = new URL(url).pathname.split("/");
  const read = async <T>(form: Shape<T>, what: string) => {
    const value = await readJson(what);
    // An array has no members that a shape of optional ones could miss.
    if (Array.isArray(value)) throw new InputError(`${what} is no object`);
    return shape.parseShape(form, value, { what });
  };
  const only = () => onlyName(names);
  switch (`${method} /${version}/${noun}${names.length > 0 ? "/" : ""}`) {
    case `GET ${memberPaths.peers}/`:
      return handlers.inspectPeer(only());
    case `POST ${memberPaths.pings}/`:
      return await handlers.ping(only(), signal);
    case `GET ${memberPaths.invites}`:
      return { version: 1, invites: handlers.invites() };
    case `POST ${memberPaths.invites}`:
      return await handlers.invite(
        await read(inviteRequestShape, "The invite"),
      );
    case `DELETE ${memberPaths.invites}/`:
      return await handlers.revokeInvite(only());
    case `POST ${memberPaths.grants}/`:
      return await handlers.grant(
        only(),
        await read(grantRequestShape, "The grant"),
      );
    case `POST ${memberPaths.denials}/`:
      return await handlers.deny(
        only(),
        await read(denyRequestShape, "The denial"),
      );
    case `DELETE ${memberPaths.denials}/`:
      return await handlers.allow(only());
    case `POST ${memberPaths.statements}`: {
      const { statement } = await read(statementShape, "The statement");
      return await handlers.applyStatement(statement);
    }
    case `POST ${memberPaths.leave}`:
      await handlers.leave();
      return {};
    default:
      return undefined;
  }
}

function onlyName(names: readonly string[]): string {
  const [name, ...more] = names;
  if (name !== undefined && more.length === 0) return name;
  throw new InputError("The path names one peer or invite");
}

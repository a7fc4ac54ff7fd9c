// The wire of the peers protocol: one message, rows of peers and where they
// were met. Lengths are bounded before anything is made of them; whether an
// address can be dialled is checked where it is kept. Golden frames stand in
// tests/fixtures/wire/mesh.json.

import {
  type Decoded,
  limits,
  listField,
  message,
  peerField,
  rowField,
} from "../kernel/mod.ts";
import { addressField } from "../identity/mod.ts";

/** Members that the sender has links to: hints of where to dial. */
export const PeersMessage = message("peers", 1, {
  rows: listField(
    rowField({
      peer: peerField,
      addresses: listField(addressField, {
        countMax: limits.peerAddressesToldMax,
      }),
    }),
    { countMax: limits.peersToldMax },
  ),
});

/** What it holds. */
export type PeersMessage = Decoded<typeof PeersMessage>;

/** Where a peer was met. */
export type PeerRow = PeersMessage["rows"][number];

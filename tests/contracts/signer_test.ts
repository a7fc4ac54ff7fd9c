// The signer's promises. The simulator uses this very signer: it is
// synchronous, and its keys come from given secrets.

import { openSigner } from "../../src/adapters/signer.ts";
import { signerContract } from "./signer_contract.ts";

signerContract("openSigner()", openSigner);

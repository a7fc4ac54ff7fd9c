// The Network contract for Deno's QUIC on loopback and for the simulated one.
// What only one of them must do is tested beside it.

import { testNetwork } from "./network_contract.ts";
import { realNetwork, simulatedNetwork } from "./network_subjects.ts";

testNetwork("Network (Deno)", realNetwork);
testNetwork("Network (simulated)", simulatedNetwork);

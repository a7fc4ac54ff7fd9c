// Randomness' promises, kept by the system's and the simulated one.

import { openRandom } from "../../src/adapters/random.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { randomContract } from "./random_contract.ts";

randomContract("openRandom()", openRandom);
randomContract("openSimRandom()", () => openSimRandom(4711));

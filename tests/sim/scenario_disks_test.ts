// Disks that were put back, copied or lost, documents from long ago, and
// batches that nobody has any more. The scenarios are the shipped ones;
// scenario_lab.ts says what each of them has to show. A failure names the seed
// and the command.

import { testScenarios } from "./scenario_lab.ts";

testScenarios("disks");

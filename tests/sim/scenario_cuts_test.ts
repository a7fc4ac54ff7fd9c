// Parts of a cluster that do not hear each other, for a minute to a day, one
// way and both, and every node for itself. The scenarios are the shipped ones;
// scenario_lab.ts says what each of them has to show. A failure names the seed
// and the command.

import { testScenarios } from "./scenario_lab.ts";

testScenarios("cuts");

// Members that are denied, that leave, and whose clocks are wrong. The
// scenarios are the shipped ones; scenario_lab.ts says what each of them has to
// show. A failure names the seed and the command.

import { testScenarios } from "./scenario_lab.ts";

testScenarios("members");

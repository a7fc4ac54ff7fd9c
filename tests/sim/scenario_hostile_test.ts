// A member that lies about everything. The scenarios are the shipped ones;
// scenario_lab.ts says what each of them has to show. A failure names the seed
// and the command.

import { testScenarios } from "./scenario_lab.ts";

testScenarios("hostile");

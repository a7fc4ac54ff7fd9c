// Many nodes that join, and start again, at the same time. The scenarios are
// the shipped ones; scenario_lab.ts says what each of them has to show. A
// failure names the seed and the command.

import { testScenarios } from "./scenario_lab.ts";

testScenarios("storm");

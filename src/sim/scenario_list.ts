// The scenarios that are shipped, in the order in which they are listed: each
// lies in a file of scenarios/. What is not in this list is run by nobody. It
// holds nothing else.

import type { ClusterScenario } from "./scenario.ts";
import { badWeather } from "./scenarios/bad_weather.ts";
import { chaos } from "./scenarios/chaos.ts";
import { clone } from "./scenarios/clone.ts";
import { everybodyLost } from "./scenarios/everybody_lost.ts";
import { failure } from "./scenarios/failure.ts";
import { halfDetached } from "./scenarios/half_detached.ts";
import { hostile, hostileFrames, hostileWork } from "./scenarios/hostile.ts";
import { joinStorm } from "./scenarios/join_storm.ts";
import { leaver } from "./scenarios/leaver.ts";
import { longAbsence } from "./scenarios/long_absence.ts";
import { lostBatches } from "./scenarios/lost_batches.ts";
import { oldDocument } from "./scenarios/old_document.ts";
import { oneWay } from "./scenarios/one_way.ts";
import {
  dayPartition,
  longPartition,
  partition,
} from "./scenarios/partition.ts";
import { restoredDisk } from "./scenarios/restored_disk.ts";
import { spread } from "./scenarios/spread.ts";
import { starved, stopped } from "./scenarios/starved.ts";
import { withheldDeny } from "./scenarios/withheld_deny.ts";
import { wrongClocks } from "./scenarios/wrong_clocks.ts";

/** Each under its own name. */
export const clusterScenarios: readonly ClusterScenario[] = [
  ...[partition, longPartition, dayPartition, oneWay, halfDetached],
  ...[everybodyLost, starved, stopped, failure, restoredDisk, clone],
  ...[oldDocument, longAbsence, lostBatches, leaver, withheldDeny],
  ...[wrongClocks, badWeather, joinStorm, spread, hostile, hostileFrames],
  ...[hostileWork, chaos],
];

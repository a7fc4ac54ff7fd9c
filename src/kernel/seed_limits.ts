// The limits of seeds, of the guests that run them and of what they send to the
// world outside: a part of `limits`, which everybody reads. Units stand in the
// names; maxima are inclusive.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Memories of WebAssembly grow by pages of this size. */
export const pageBytes = 65_536;

/** See `limits`. */
export const seedLimits = {
  // Seeds
  moduleBytesMax: 64 * MiB,
  moduleImportsMax: 1_000,
  moduleExportsMax: 10_000,
  moduleTablesMax: 100,
  moduleTableEntriesMax: 100_000, // V8 takes 8 bytes or more for each
  moduleTypesMax: 2_000, // V8 keeps each for ever, and aborts near 2 million
  moduleTypesValuesMax: 100_000, // of all types together: also kept for ever
  moduleTypesOfProcessMax: 1_000_000, // of all modules since its start
  moduleFunctionNameBytesMax: 255, // longer names are left out
  moduleFunctionNamesBytesMax: 8 * MiB, // of all together; more: left out
  moduleCodeBytesMax: 128 * MiB, // with its checks
  moduleTypeValuesMax: 1_000, // parameters, and results, as the engine has it
  moduleFunctionsMax: 200_000,
  moduleGlobalsMax: 10_000,
  moduleRestoredGlobalsMax: 1_000, // more: a new instance is cheaper
  moduleTagsMax: 1_000,
  moduleElementSegmentsMax: 10_000,
  moduleDataSegmentsMax: 100_000, // as many as Go's linker makes
  moduleDataBytesMax: 48 * MiB, // copied into each new instance
  moduleExpressionInstructionsMax: 16, // of a constant expression
  functionBodyBytesMax: 512 * KiB,
  functionLocalsMax: 4_000,
  functionLoopLocalsMax: 200_000, // loops times locals: both cost memory
  functionLoopsMax: 2_000,
  functionTriesMax: 10_000,
  functionKeptValuesMax: 8_000_000, // values alive, at each branch and block
  functionMovedValuesMax: 100_000, // and calls: each call counts as one more
  functionBranchTargetsMax: 8_192, // of all br_table of a body
  functionBlockDepthMax: 4_000, // esbuild, a Go program, has 3,290
  callInputBytesMax: 4 * MiB,
  callOutputBytesMax: 16 * MiB,
  callLogBytesMax: 64 * KiB,
  logLineCharactersMax: 4096,
  seedErrorCharactersMax: 4096,
  variableBytesMax: 1 * MiB,
  variablesMax: 4096,
  kernelBytesMax: 32 * MiB,
  callHopsMax: 16,
  callsQueuedMax: 1024,
  callTimeoutMsDefault: 30_000,
  callTimeoutMsMax: 3_600_000,
  callRetriesMax: 10,
  compiledModulesPerThreadMax: 32,
  callsPerSeedAndThreadMax: 64,
  callCpuMsDefault: 10_000,
  guestMemoryBytesMin: 1 * MiB,
  guestMemoryBytesDefault: 64 * MiB,
  guestMemoryBytesMax: 1024 * MiB,
  guestInstancesMax: 4000, // the engine aborts at some 9,300
  guestsBytesMax: 4096 * MiB, // all of a node; less on small machines
  rewrittenModulesBytesMax: 256 * MiB,
  seedHostsMax: 16,
  snapshotBytesMax: 16 * MiB,

  // Outbound HTTP of seeds
  fetchesPerSeedMax: 16,
  fetchesMax: 64,
  fetchesForOthersMin: 16, // of these, for seeds that have none under way
  fetchUrlCharactersMax: 8 * KiB,
  fetchWishBytesMax: 128 * KiB, // a guest's JSON: URL and headers, escaped
  fetchHeadBytesMax: 64 * KiB, // of a request, and of an answer
  fetchRequestBodyBytesMax: 4 * MiB,
  fetchBodyBytesMax: 8 * MiB,
  fetchBodiesBytesMax: 128 * MiB, // of all answers under way in a node
  fetchTimeoutMsMax: 30_000,
  fetchConnectMsMax: 10_000,
  fetchRedirectsMax: 5,
  fetchAddressesTriedMax: 4,
  hostPatternCharactersMax: 261, // *. and 253, then : and a port
  outboundIdleConnectionsMax: 32,
  outboundLookupsPerPartitionMax: 2, // of those that block a thread
} as const;

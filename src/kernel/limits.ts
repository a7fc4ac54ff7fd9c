// Every limit of the system, with its unit in its name. A remote length is
// compared with one of these before anything is allocated. Sources: DESIGN.md
// sections 4, 6, 8 and 11 where a figure has a reason beyond "large enough".

const KiB = 1024;
const MiB = 1024 * KiB;

/** Maxima are inclusive. Nodes must agree on those of wire and state. */
export const limits = {
  // Names and ids
  nameCharactersMax: 63, // one DNS label (RFC 1035), so that names route
  functionNameCharactersMax: 255,
  propertyBytesMax: 4096,
  propertiesMax: 64,
  uriCharactersMax: 1024,

  // Configuration
  configBytesMax: 64 * KiB,
  seedConfigEntriesMax: 64,
  seedConfigBytesMax: 4 * KiB,

  // Identity
  keyFileBytesMax: 16 * KiB,
  certificateFileBytesMax: 64 * KiB,
  certificateBytesMax: 6 * KiB, // full properties and 2 KiB for the rest
  credentialBytesMax: 8 * KiB, // a member and two authorities; fits AUTH
  passphraseBytesMax: 1024,

  // State
  stateValueBytesMax: 8 * KiB,
  stateKeyCharactersMax: 255,
  stateSectionCharactersMax: 32,
  stateValueDepthMax: 32,
  stateIntegerMax: 2 ** 48 - 1, // exact in every language's double
  statePublishesQueuedMax: 4096,
  stateBatchBytesMax: 4 * MiB,
  stateBatchOperationsMax: 20_000,
  ownerEntriesMax: 20_000,
  batchesPerBase: 64,
  journalRecordBytesMax: 5 * MiB,
  journalRewriteBytesMin: 256 * KiB,
  journalBytesMax: 256 * MiB,

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

  // Control API
  socketPathBytesMax: 104, // sun_path on darwin, with its zero byte
  socketClientsMax: 16, // unix sockets a process keeps connections to
  controlRequestBytesMax: 64 * KiB,
  controlBodiesBytesMax: 256 * MiB, // of all requests under way together
  controlResponseBytesMax: 32 * MiB,
  controlRequestsMax: 1024,
  controlRequestsKept: 64, // of these, places that calls never take
  controlCallsPerSeedMax: 480, // half of the places of calls
  drainMsMax: 10_000,

  // Sockets of services
  acceptQueueConnectionsMax: 1024,

  // Disk
  durableDirectoriesMax: 4096, // known to a process; the store alone has 256

  // Logs
  logFileBytesMax: 8 * MiB,
  logFilesKept: 4,
  logQueueRecordsMax: 4096,
  logBatchCharactersMax: 64 * KiB,
  logRecordCharactersMax: 16 * KiB,
  logRecordValuesMax: 256,
  logNestingMax: 6,
  logDrainMsMax: 2_000,
} as const;

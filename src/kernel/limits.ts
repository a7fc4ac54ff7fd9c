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
  moduleTableEntriesMax: 1_000_000, // V8 takes 8 bytes or more for each
  callInputBytesMax: 4 * MiB,
  callOutputBytesMax: 16 * MiB,
  callLogBytesMax: 64 * KiB,
  logLineCharactersMax: 4096,
  seedErrorCharactersMax: 4096,
  variableBytesMax: 1 * MiB,
  variablesMax: 4096,
  kernelBytesMax: 32 * MiB,
  callHopsMax: 16,
  callsPerThreadMax: 64,
  callsQueuedMax: 1024,
  callTimeoutMsDefault: 30_000,
  callTimeoutMsMax: 3_600_000,
  callRetriesMax: 10,
  abandonedThreadsPerSeedMax: 2,
  abandonedThreadsMax: 8,
  compiledModulesPerThreadMax: 32,

  // Control API
  socketPathBytesMax: 104, // sun_path on darwin, with its zero byte
  socketClientsMax: 16, // unix sockets a process keeps connections to
  controlRequestBytesMax: 64 * KiB,
  controlBodiesBytesMax: 256 * MiB, // of all requests under way together
  controlResponseBytesMax: 32 * MiB,
  controlRequestsMax: 1024,
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

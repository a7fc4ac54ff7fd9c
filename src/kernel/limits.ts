// Every limit of the system, with its unit in its name. A remote length is
// compared with one of these before anything is allocated. Sources: DESIGN.md
// sections 4, 6, 8 and 11 where a figure has a reason beyond "large enough".

import { seedLimits } from "./seed_limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Maxima are inclusive. Nodes must agree on those of wire and state. */
export const limits = {
  ...seedLimits,

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
  authoritiesKnownMax: 64, // verified, so that they are not read again
  passphraseBytesMax: 1024,

  // Errors that peers report
  reportCharactersMax: 1024, // its message, and its hint

  // Invites and joining
  inviteTokenCharactersMax: 16 * KiB,
  inviteBootstrapsMax: 8,
  inviteAddressesMax: 8, // of one bootstrap peer
  inviteTtlMsDefault: 300_000,
  inviteTtlMsMax: 30 * 24 * 3_600_000,
  inviteClockToleranceMs: 120_000, // between its issuer's clock and another's
  inviteUsesMax: 1_000,
  invitesOpenMax: 1_000, // of one admin
  joinFrameBytesMax: 16 * KiB,
  joinMsMax: 10_000,
  joinsPerSecondMax: 16, // of one node, redeemed or forwarded
  joinsUnderWayMax: 64,
  joinsBurstMax: 64, // that come at once, before the rate counts
  joinsPerSourcePerSecondMax: 4, // of one address, unless it is this machine
  joinsPerSourceBurstMax: 16,
  joinsPerMemberPerSecondMax: 8, // that one member passes on
  joinsPerMemberBurstMax: 32,
  joinsPerSourceUnderWayMax: 16, // of one address: a quarter of all
  joinsPerMemberUnderWayMax: 32,
  joinSourcesMax: 1_024, // addresses, and members, that are counted
  joinRetriesMax: 4, // of one bootstrap peer that is busy
  joinTotalMsMax: 90_000, // over all bootstrap peers
  renewalAsksMax: 4, // admins with links, then known peers, in one attempt
  enrollAnswerMsMax: 3_000, // of an admin that a join is passed on to
  enrollGoodbyeMsMax: 2_000, // for the last message to arrive
  enrollUnknownFramesMax: 8,
  inviteAccessMsMax: 100 * 365 * 24 * 3_600_000, // of what an invite gives
  rootRequestCharactersMax: 8_000,
  rootStatementCharactersMax: 8_000, // a value of the state, with its quotes
  rootReasonCharactersMax: 200,
  adminsMax: 64,
  rightsIgnoredMax: 100, // that are listed
  rightsAnswersMax: 20_000, // remembered until a document changes
  redemptionsPerJoinerMax: 16, // of one document that count for it

  // Transport
  authFrameBytesMax: 16 * KiB,
  authMsMax: 5_000,
  unauthenticatedSessionsMax: 32,
  unauthenticatedSessionsPerIpMax: 4, // loopback exempt
  unauthenticatedStreamsMax: 4,
  unauthenticatedBytesMax: 64 * KiB,
  pendingHandshakesMax: 512,
  sessionStreamsMax: 256,
  linksMax: 2_000,
  rightsHeadsMax: 64,
  replacesMax: 4,
  controlFrameBytesMax: 64 * KiB,
  frameBytesMax: 5 * MiB, // of any protocol
  frameWritesMax: 16_384, // of one stream, waiting; their bytes are the writers'
  handshakeSkipsMax: 4, // frames of kinds unknown here, before it is over
  settleMsMax: 1_000,
  pingPeriodMs: 2_000, // and while a peer does not answer
  pingPeriodPerLinkMs: 100, // of a node that many links keep busy
  pingPeriodMsMax: 5_000, // so that silence shows in 15 s
  pingsMissedMax: 3,
  pingsUnansweredMax: 10, // in a row: the peer's program is stuck
  pingsUnderWayMax: 64, // of one link, asked for by callers
  controlWriteMsMax: 10_000, // a peer that reads nothing is lost then
  controlFramesPerSecondMax: 100, // of one peer: those above wait
  cloneProbeMs: 1_000,
  credentialLookMsMax: 600_000, // between two judgements of a peer's
  credentialsHeldMax: 1_000, // of peers, linked now or before
  streamsHeldMax: 16, // that a dialled peer opens before it is proven
  streamStartMsMax: 5_000, // until a stream says its protocol
  selfTestMsMax: 3_000,
  joinSessionsPerSourceMax: 4, // of one address, unless it is this machine
  joinGoodbyeMsMax: 1_000, // until a joiner that was answered closes
  refusedMsMax: 500, // until one who was refused has read why
  leaveMsMax: 1_000,
  leavePushMs: 300, // for neighbours to fetch what a leaving node said last
  transportDrainMsMax: 2_000,
  refusalsKept: 16,
  refusalsLoggedPerMinuteMax: 60,
  duplicateDrainMs: 500,

  // Exchange of admins' batches
  exchangeQueueBatchesMax: 64, // to one peer; more: dropped, heads sent later
  exchangeQueueBytesMax: 8 * MiB, // of these
  exchangeAcceptsMax: 32, // of one peer, being stored
  exchangeAcceptBytesMax: 8 * MiB, // of these
  exchangeRefusedMax: 32, // of one peer, then its link is closed
  exchangeRefusedBytesMax: 8 * MiB, // of these
  exchangeVoidBurstMax: 64, // not counted: of an owner that has forked
  exchangeVoidPerSecondMax: 1,
  exchangeRequestsMax: 256, // of one peer at once: heads and needs
  exchangeRequestsPerSecondMax: 32,
  exchangeAsksMax: 128, // owners that one peer is asked about
  exchangeAskMsMax: 10_000,
  exchangeAskAgainMsMin: 1_000, // when the answer before brought nothing
  exchangeReopenMs: 1_000,
  exchangeLaterMsMin: 1_000, // until what was put off is asked for again
  exchangeLaterMsMax: 8_000,

  // Gossip with neighbours
  gossipNeighboursAllMax: 8, // links, up to which all are neighbours
  gossipPicksMax: 4, // of more
  gossipNeighboursMax: 8, // picked, and those that picked this node
  gossipEpochMs: 300_000,
  gossipCoalesceMs: 50,
  gossipDebtMax: 32, // handed on beyond what came: news wait longer, up to
  gossipDelayTimesMax: 10, // times as long
  gossipRecordsDebtMax: 64,
  gossipRecordsDelayTimesMax: 8,
  gossipItemsMax: 1_024, // in one message of places
  gossipPendingMax: 20_000, // places that are to be announced to one peer
  gossipCoalesceNearMs: 20, // while all links are neighbours
  gossipRecordsCoalesceMs: 250, // there are many, and none is urgent
  gossipWantMsMax: 1_000, // of silence, then the next who has it is asked
  gossipWantItemsMax: 64, // in one message
  gossipWantsOpenMax: 4, // such messages to one peer, not answered
  gossipWantsMax: 20_000, // documents that a node asks for
  gossipSourcesMax: 16, // that are remembered for one of them
  gossipUnfilledMax: 1_024, // of one peer, that it told of and did not bring
  gossipUnfilledMsMin: 1_000, // until it is asked for one of these again
  gossipUnfilledMsMax: 64_000,
  gossipAnswerBytesBurstMax: 32 * MiB, // to one peer, then so many a second:
  gossipAnswerBytesPerSecondMax: 8 * MiB,
  gossipAnswerBudgetsMax: 1_024, // peers whose share is remembered
  gossipAnswerWaitMs: 100,
  gossipAnswersMax: 32, // requests of one peer that wait for their answer
  gossipMessagesPerSecondMax: 256, // of one peer, but batches and records
  gossipMessagesBurstMax: 2_048,
  gossipItemsPerSecondMax: 2_048, // of these; more: not looked at
  gossipItemsBurstMax: 20_480,
  gossipRoundMs: 3_000,
  gossipRoundSoonMs: 100, // on a new link
  gossipDigestsPerSecondMax: 2, // of one peer
  gossipDigestsBurstMax: 8,

  // Ephemeral records
  recordBytesMax: 1 * KiB,
  recordBytesMaxMin: 256, // of a cluster with many nodes, as a node sends it
  recordRetryMs: 1_000, // until the own document has a generation
  recordPeriodMsMin: 5_000,
  recordPeriodPerNodeMs: 24,
  recordPeriodMsMax: 300_000,
  recordPeriodsKept: 4,
  recordSeedsMax: 64,
  recordRttsMax: 16,
  recordsMax: 10_000,
  recordsPerSecondMax: 1, // of one owner, that others take and pass on
  recordsBurstMax: 8,

  // Membership
  memberLostPeriods: 3, // without a sign of life
  memberLostMsMin: 15_000,
  memberTickMs: 1_000,
  memberGraceMsMax: 5_000, // beyond what this node itself slept through

  // Peers
  peersMax: 10_000, // that a node remembers
  membersRememberedMax: 1_000, // with their credentials
  peerIpsMax: 8, // that a node is told to announce
  peerAddressesMax: 16, // of one peer
  peersFileBytesMax: 16 * MiB,
  dialsMax: 32, // under way at once
  dialMsMax: 4_000,
  dialsUnderWayMax: 256, // of a process, those given up included
  dialBackoffMsMin: 1_000,
  dialBackoffMsMax: 60_000,
  dialPatienceMsMin: 5_000, // the longest wait of a node that is alone
  dialPatiencePerPeerMs: 500, // more for each peer that is not linked
  dialPatiencePerLinkMs: 5_000, // more for each link
  dialsPerPeerMax: 4, // of these, to one peer
  dialAllRoundsMax: 8, // silent so often, a peer is dialled at 4 addresses
  dialStaggerMs: 250, // before its next address (RFC 8305 section 5)
  dialYieldMs: 500, // the higher id waits that long for the lower one
  dialRefusedMs: 60_000, // between dials to who refuses this node
  dialRetryAllMsMin: 10_000, // between wakings of all that wait
  linkStableMs: 30_000, // a link that lived longer proves the way
  peerTellersMax: 16, // whose news of one peer end its waiting
  peersHeardOfMax: 1_000, // of those remembered, never met
  peersHeardOfRoundsMax: 6, // of dials, then such a peer is dropped
  peerAddressesToldMax: 4, // of its 16, as third parties say
  peersSaveMs: 5_000,
  peersSaveMsMin: 200, // the first change after a quiet time
  peersCloseMsMax: 2_000,
  peersToldMax: 64, // in one message
  peersToldPerLinkMax: 256, // at once; then so many a second:
  peersToldPerLinkAndSecond: 4,
  peersTellMs: 1_000, // news of links leave together
  peersTellLinksMax: 64, // that hear of one piece of news
  peersTellMsMax: 5_000,
  meshTickMs: 5_000,
  ownAddressesMax: 8,
  observationsMax: 64,

  // Calls over the wire
  wireCallsPerLinkMax: 1_024, // that one peer has under way here
  wireCallFrameBytesMax: 256 * KiB, // larger inputs and outputs come in parts
  wireCallInlineBytesMax: 64 * KiB, // larger ones take the second stream
  wireCallInputBytesPerLinkMax: 32 * MiB, // of one peer, under way here
  wireCallOutputBytesPerLinkMax: 64 * MiB, // that one peer has not taken
  wireCallBytesMax: 256 * MiB, // inputs, and outputs, of all peers
  callErrorCharactersMax: 8 * KiB, // of a message, and of a hint
  wireCallUnsentBytesMax: 8 * MiB, // of small calls to one peer
  callChainHopsMax: 16,
  callChainBytesMax: 16 * KiB,
  callChainRefusalsPerSecondMax: 16, // of one peer: each has cost a check
  callChainRefusalsBurstMax: 64,
  callReplaysMax: 131_072,
  callReplaysPerPeerMax: 32_768,

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
  ownerBatchesPerSecondMax: 1, // that others take; more: later, or a base
  ownerBatchesBurstMax: 64,
  ownerBytesPerSecondMax: 128 * KiB, // twice what a full document needs
  ownerBytesBurstMax: 16 * MiB, // as much as a whole replica
  ownBasesBytesPerSecondMax: 1 * MiB, // written so that others catch up
  ownBasesBytesBurstMax: 8 * MiB,
  batchesPerBase: 64,
  replicaBatchesMax: 128, // of one foreign owner since its newest base
  replicaBytesMax: 16 * MiB, // of these
  replicaQueueMax: 128, // batches of one owner that wait to be stored
  leafDocumentBytesMax: 16 * KiB, // by the tier in its own credential
  publisherDocumentBytesMax: 256 * KiB,
  memberEntriesMax: 4_000, // of a leaf's or a publisher's document
  replicasMax: 10_000, // documents of others that a node stores
  replicasWaitingMax: 64, // of owners whom nobody has named yet
  replicaWaitingBytesMax: 16 * MiB, // of these
  strangersPerSecondMax: 16, // batches of owners whom nobody has named
  strangersBurstMax: 128,
  replicaSyncMs: 1_000, // until a copy that no right depends on is durable
  replicaRetryMsMax: 60_000, // after a disk refused that
  replicaLogRewriteBytesMin: 1 * MiB,
  replicaLogBytesMax: 1024 * MiB,
  generationKeptSeqMax: 64, // the one before is kept until then
  ownerForksMax: 4, // void generations after the last good one, with proofs
  viewIgnoredMax: 100, // entries of one owner that are listed
  entriesSetAsideMax: 1_000, // digests of texts that broke a reader
  stateBuckets: 64,
  publicKeysKeptMax: 2_048, // of who signed last, parsed
  ownCopiesAskMsMax: 3_000, // for own batches that peers have, at a start
  ownCopiesQuietMs: 300, // without more of them, then they are adopted
  ownPlacesMax: 40_000, // that were changed since the start: two documents
  hybridAheadMsMax: 60_000,
  hybridCounterMax: 2 ** 40, // of another's time; own ones never get there
  historyBytesMax: 16 * MiB,
  historyFilesMax: 4,
  historyFlushMs: 1_000, // a kill -9 costs at most that much of it
  historyFlushCharactersMin: 256 * KiB, // more that waits is written at once
  historyQueueCharactersMax: 8 * MiB, // more that waits is a gap
  historyOwnerBytesBurstMax: 6 * MiB, // of one owner's changes with values
  historyOwnerBytesPerSecondMax: 4 * KiB,
  historyThinChangesMax: 8, // named without values, of a batch above that
  historyRetryMs: 30_000, // after a disk that took nothing
  historyRecordCharactersMax: 256 * KiB, // larger batches take several records
  historyAnswerMax: 10_000, // batches of one answer
  historyAnswerCharactersMax: 8 * MiB,
  journalRecordBytesMax: 5 * MiB,
  journalRewriteBytesMin: 256 * KiB,
  journalBytesMax: 256 * MiB,

  // Control API
  socketPathBytesMax: 104, // sun_path on darwin, with its zero byte
  socketClientsMax: 16, // unix sockets a process keeps connections to
  controlRequestBytesMax: 64 * KiB,
  controlBodiesBytesMax: 256 * MiB, // of all requests under way together
  controlResponseBytesMax: 32 * MiB,
  controlRequestsMax: 1024,
  statusSeedsMax: 2_000, // rows of others' seeds
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

// The daemon of one directory: it takes the lock, loads the identity, opens the
// node and answers the control API until it is told to stop. Starting either
// succeeds whole or fails with its cause; stopping drains within 10 s.

import {
  asPlnError,
  ConflictError,
  type FailureHandler,
  limits,
  Scope,
  Sequence,
} from "./kernel/mod.ts";
import type { Ports, WebServer } from "./ports/mod.ts";
import type { Settings } from "./config.ts";
import {
  type Alarm,
  type ControlHandlers,
  ControlServer,
  Listeners,
  metricsContentType,
  refuseWhile,
  type Reloaded,
  renderMetrics,
  seedDetails,
  seedPublished,
  seedStatus,
  type StatusReport,
} from "./control/mod.ts";
import {
  loadIdentity,
  type Node,
  type NodeIdentity,
  openNode,
  renewOwnMember,
} from "./node.ts";
import { version } from "./version.ts";

/** `disk` is the daemon's directory; its lock is not yet taken. */
export type DaemonNeeds = Ports & {
  /** Resident memory of this process. */
  residentBytes(): number;
  setLogLevel(level: Settings["logLevel"]): void;
  /**
   * Removes half-written files that a crash left in the directory, while its
   * lock is held; returns how many.
   */
  sweepDirectory(): Promise<number>;
};

/** `socketPath` has less than `socketPathBytesMax` bytes. */
export type DaemonConfig = {
  readonly socketPath: string;
  readonly processId: number;
  readonly settings: Settings;
  /** Reads config.yaml again under the same flags and environment. */
  readonly reloadSettings: () => Promise<Settings>;
};

/** Start and end, as the process and its daemon tell each other. */
export type DaemonHooks = {
  /** The control API answers; called once. */
  onReady(): void;
  /** Aborting it drains and ends the daemon. */
  readonly signal: AbortSignal;
};

const renewalCheckMs = 3_600_000;

/** For the last answers to leave, after the calls were ended. */
const lastAnswersMs = 500;

/**
 * Runs the node of `needs.disk` until the signal aborts or `pln down` asks.
 *
 * @throws {ConflictError} A daemon holds the directory already.
 * @throws {PlnError} It could not start; nothing is left behind.
 */
export async function runDaemon(
  needs: DaemonNeeds,
  config: DaemonConfig,
  hooks: DaemonHooks,
): Promise<void> {
  await using daemon = new Daemon(needs, config);
  await daemon.open();
  needs.log.info("daemon.ready", { version, socket: config.socketPath });
  hooks.onReady();
  await daemon.untilStopped(hooks.signal);
  await daemon.drain();
  needs.log.info("daemon.stopped");
}

class Daemon implements AsyncDisposable {
  readonly #needs: DaemonNeeds;
  readonly #config: DaemonConfig;
  readonly #scope: Scope;
  readonly #startMs: number;
  readonly #stop = Promise.withResolvers<void>();
  readonly #listeners: Listeners;
  readonly #reloads = new Sequence();
  #renewalAlarm: Alarm | undefined;
  #identity: NodeIdentity | undefined;
  #node: Node | undefined;
  #control: WebServer | undefined;
  #server: ControlServer | undefined;
  #settings: Settings;

  constructor(needs: DaemonNeeds, config: DaemonConfig) {
    this.#needs = needs;
    this.#config = config;
    this.#settings = config.settings;
    this.#startMs = needs.clock.nowMs();
    this.#scope = new Scope(this.#onTaskFailure);
    this.#listeners = new Listeners(needs);
  }

  async open(): Promise<void> {
    const { disk, log } = this.#needs;
    await this.#lock();
    await this.#listenToControl();
    // Closed before the lock is given up: the next daemon needs its ports.
    this.#scope.use(this.#listeners);
    const identity = await this.#renewed(await loadIdentity(this.#needs));
    this.#identity = identity;
    const { name } = this.#settings;
    this.#node = this.#scope.use(
      await openNode(this.#needs, { identity, name }),
    );
    log.info("node.open", { peer: identity.peer, directory: disk.label });
    await this.#listen(this.#settings);
    const handlers = this.#handlers(this.#node);
    this.#server = new ControlServer({ log, handlers });
    this.#scope.spawn("node.announce", () => this.#announce());
    this.#scope.spawn("directory.sweep", () => this.#sweep());
    this.#scope.spawn("identity.renew", (signal) => this.#renew(signal));
  }

  async untilStopped(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stop.resolve();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    await this.#stop.promise;
    signal.removeEventListener("abort", stop);
  }

  /**
   * Lets requests under way end, for at most 10 s, and refuses new ones with
   * the reason. A call that takes longer is told that the node stopped.
   */
  async drain(): Promise<void> {
    const { clock, log } = this.#needs;
    const late = Promise.withResolvers<void>();
    using _timer = clock.after(limits.drainMsMax, () => {
      log.warn("daemon.drain_late", { afterMs: limits.drainMsMax });
      this.#server?.endCalls();
    });
    using _end = clock.after(limits.drainMsMax + lastAnswersMs, late.resolve);
    const drain = async () => {
      try {
        const listeners = this.#listeners.drain();
        await this.#server?.drain();
        await Promise.all([this.#control?.drain(), listeners]);
      } catch (cause) {
        log.warn("daemon.drain_failed", { cause });
      }
    };
    await Promise.race([drain(), late.promise]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #lock(): Promise<void> {
    const { disk } = this.#needs;
    const lock = await disk.lock("lock");
    if (lock === undefined) {
      throw new ConflictError(`A daemon already runs in "${disk.label}"`, {
        hint: 'See "pln status"; stop it with "pln down"',
      });
    }
    this.#scope.use(lock);
  }

  /** From here on whoever asks hears at least that the node is starting. */
  async #listenToControl(): Promise<void> {
    const { socketPath: path, processId } = this.#config;
    const early = () => refuseWhile("starting", { version, processId });
    this.#control = this.#scope.use(
      await this.#needs.web.serve(
        { type: "unix", path },
        async (request) => await this.#server?.handle(request) ?? early(),
      ),
    );
  }

  #handlers(node: Node): ControlHandlers {
    return {
      version,
      processId: this.#config.processId,
      status: () => this.#status(node),
      publishSeed: async (name, module, request) =>
        seedPublished(name, await node.publishSeed(name, module, request)),
      inspectSeed: async (name) => seedDetails(await node.inspectSeed(name)),
      unpublishSeed: (name) => node.unpublishSeed(name),
      call: (target, input, run) => node.call(target, input, run),
      reload: () => this.#reloads.run(() => this.#reload()),
      acceptLoss: () => node.acceptLoss(),
      shutdown: () => this.#stop.resolve(),
    };
  }

  async #reload(): Promise<Reloaded> {
    const before = this.#settings;
    const settings = await this.#config.reloadSettings();
    this.#needs.setLogLevel(settings.logLevel);
    await this.#listen(settings);
    this.#settings = settings;
    const names = {
      "log-level": "logLevel",
      "http": "http",
      "static-http": "staticHttp",
    } as const;
    return {
      applied: Object.entries(names)
        .filter(([, key]) => settings[key] !== before[key])
        .map(([name]) => name)
        .filter((name) => !this.#listeners.hasFailed(name)),
      needRestart: settings.name === this.#node?.name ? [] : ["name"],
    };
  }

  async #listen({ http, staticHttp }: Settings): Promise<void> {
    await this.#listeners.apply("http", {
      ip: "127.0.0.1",
      port: http,
      handle: (request) => Promise.resolve(this.#serveMetrics(request)),
    });
    await this.#listeners.apply("static-http", {
      ip: "0.0.0.0",
      port: staticHttp,
      handle: () => Promise.resolve(noSite()),
    });
  }

  #serveMetrics(request: Request): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return new Response("ok\n");
    if (pathname !== "/metrics" || this.#node === undefined) {
      return new Response("See /metrics\n", { status: 404 });
    }
    const headers = { "content-type": metricsContentType };
    return new Response(renderMetrics(this.#status(this.#node)), { headers });
  }

  async #announce(): Promise<void> {
    try {
      await this.#node?.announce();
    } catch (cause) {
      // The state reports the same fault as an alarm; the node serves on.
      this.#needs.log.warn("node.announce_failed", { cause });
    }
  }

  async #sweep(): Promise<void> {
    const files = await this.#needs.sweepDirectory();
    if (files > 0) this.#needs.log.info("directory.swept", { files });
  }

  async #renew(signal: AbortSignal): Promise<void> {
    while (this.#identity !== undefined) {
      await this.#needs.clock.sleep(renewalCheckMs, signal);
      this.#identity = await this.#renewed(this.#identity);
    }
  }

  /** A node whose certificate cannot be renewed says so, and serves on. */
  async #renewed(identity: NodeIdentity): Promise<NodeIdentity> {
    const { log } = this.#needs;
    try {
      const next = await renewOwnMember(this.#needs, identity);
      if (next !== identity) log.info("identity.renewed");
      this.#renewalAlarm = undefined;
      return next;
    } catch (cause) {
      log.error("identity.renew_failed", { cause });
      const { message: why, hint } = asPlnError(cause);
      const message = `This node's certificate cannot be renewed: ${why}`;
      this.#renewalAlarm = { message, hint };
      return identity;
    }
  }

  #status(node: Node): StatusReport {
    const { clock, disk, residentBytes } = this.#needs;
    const { facts, peer, cluster } = this.#identity ?? node.identity;
    const { generation, seq, entries, journalBytes } = node.stateReport();
    return {
      version: 1,
      node: {
        peer,
        name: node.name,
        cluster,
        tier: facts.tier,
        properties: Object.fromEntries(facts.properties),
        version,
        processId: this.#config.processId,
        directory: disk.label,
        upMs: Math.round(clock.nowMs() - this.#startMs),
        certificateNotAfterMs: facts.notAfterMs,
        residentBytes: residentBytes(),
      },
      alarms: this.#allAlarms(node),
      seeds: [...node.view.seeds.values()].map((entry) =>
        seedStatus(entry, node.seedReport(entry))
      ),
      state: { generation, sequence: seq, entries, journalBytes },
      threads: node.threadCounts,
      listeners: this.#listeners.ports,
    };
  }

  #allAlarms(node: Node): Alarm[] {
    const alarms = [...this.#listeners.alarms, ...node.alarms];
    if (this.#renewalAlarm !== undefined) alarms.push(this.#renewalAlarm);
    return alarms;
  }

  readonly #onTaskFailure: FailureHandler = (task, cause) => {
    this.#needs.log.error("daemon.task_failed", { task, cause });
  };
}

/** RFC 9110 section 15.5.20: this server answers for no such host. */
function noSite(): Response {
  return new Response("No site of that name is published here\n", {
    status: 421,
  });
}

// The daemon of one directory: it takes the lock, loads the identity, opens the
// node and answers the control API until it is told to stop. Starting either
// succeeds whole or fails with its cause; stopping drains within 10 s.

import {
  ConflictError,
  type FailureHandler,
  limits,
  Scope,
  Sequence,
} from "../kernel/mod.ts";
import type { Ports, WebServer } from "../ports/mod.ts";
import { meshPortDefault, type Settings } from "../config/mod.ts";
import {
  type ControlHandlers,
  ControlServer,
  Listeners,
  metricsContentType,
  refuseWhile,
  type Reloaded,
  renderMetrics,
  seedPublished,
  type StatusReport,
} from "../control/mod.ts";
import {
  type Node,
  type NodeConfig,
  type NodeIdentity,
  openIdentity,
  openNode,
} from "../node/mod.ts";
import { version } from "../version.ts";
import { memberHandlers } from "./member_reports.ts";
import { stateHandlers } from "./state_reports.ts";
import { seedRow } from "./seed_rows.ts";
import { statusReport } from "./status.ts";

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

/** Settings of the whole life of a node. */
const lasting = {
  "name": "name",
  "port": "port",
  "public": "isPublic",
  "ips": "ips",
} as const;

/** For the last answers to leave, after the calls were ended. */
const lastAnswersMs = 500;

/**
 * Runs the node of `needs.disk` until the signal aborts or `pln down` asks.
 *
 * @throws {ConflictError} A daemon holds the directory already, or another
 * node turned out to publish with this node's key.
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
  daemon.throwIfCloned();
}

class Daemon implements AsyncDisposable {
  readonly #needs: DaemonNeeds;
  readonly #config: DaemonConfig;
  readonly #scope: Scope;
  readonly #startMs: number;
  readonly #stop = Promise.withResolvers<void>();
  readonly #listeners: Listeners;
  readonly #reloads = new Sequence();
  #node: Node | undefined;
  #control: WebServer | undefined;
  #server: ControlServer | undefined;
  /** Of the last reload; `#opened` of the node's start. */
  #settings: Settings;
  readonly #opened: Settings;

  constructor(needs: DaemonNeeds, config: DaemonConfig) {
    this.#needs = needs;
    this.#config = config;
    this.#settings = config.settings;
    this.#opened = config.settings;
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
    const identity = await openIdentity(this.#needs);
    this.#node = this.#scope.use(
      await openNode(this.#needs, nodeConfig(identity, this.#settings)),
    );
    this.#scope.use(this.#node.onClone(() => this.#stop.resolve()));
    log.info("node.open", {
      peer: identity.peer,
      directory: disk.label,
      port: this.#node.meshAddress.port,
    });
    await this.#listen(this.#settings);
    const handlers = this.#handlers(this.#node);
    this.#server = new ControlServer({ log, handlers });
    this.#scope.spawn("node.announce", () => this.#announce());
    this.#scope.spawn("directory.sweep", () => this.#sweep());
  }

  async untilStopped(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stop.resolve();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    await this.#stop.promise;
    signal.removeEventListener("abort", stop);
  }

  /** Two nodes have one key: this one ends, and its exit code says so. */
  throwIfCloned(): void {
    const report = this.#node?.stateReport();
    if (report?.isCloned !== true) return;
    const message = `The daemon has ended: ${report.fault}`;
    const hint = report.faultHint;
    this.#needs.log.error("daemon.cloned", { message, hint });
    throw new ConflictError(message, { hint });
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
        const others = [this.#listeners.drain(), this.#node?.drain()];
        await this.#server?.drain();
        await Promise.all([this.#control?.drain(), ...others]);
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
      inspectSeed: async (name) => seedRow(node, await node.inspectSeed(name)),
      unpublishSeed: (name) => node.unpublishSeed(name),
      call: (target, input, run) => node.call(target, input, run),
      members: memberHandlers(node, {
        onLeft: () => this.#stop.resolve(),
      }),
      state: stateHandlers(node),
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
      needRestart: Object.entries(lasting)
        .filter(([, key]) => !isSame(settings[key], this.#opened[key]))
        .map(([name]) => name),
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

  #status(node: Node): StatusReport {
    return statusReport({
      needs: this.#needs,
      node,
      listeners: this.#listeners,
      processId: this.#config.processId,
      startMs: this.#startMs,
    });
  }

  readonly #onTaskFailure: FailureHandler = (task, cause) => {
    this.#needs.log.error("daemon.task_failed", { task, cause });
  };
}

function nodeConfig(identity: NodeIdentity, settings: Settings): NodeConfig {
  const { name, port = meshPortDefault, isPublic, ips } = settings;
  return { identity, name, mesh: { port, isPublic, ips } };
}

function isSame(left: unknown, right: unknown): boolean {
  return `${left ?? ""}` === `${right ?? ""}`;
}

/** RFC 9110 section 15.5.20: this server answers for no such host. */
function noSite(): Response {
  return new Response("No site of that name is published here\n", {
    status: 421,
  });
}

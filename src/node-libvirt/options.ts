import { checkMilliseconds } from './call.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import type { LinkOptions } from './link.ts';

/** How to reach libvirt; everything has a default. */
export interface LibvirtClientOptions {
  /** Default /run/libvirt/libvirt-sock. */
  readonly socketPath?: string;
  /** Default xen:///system. */
  readonly uri?: string;
  /** Open the hypervisor read-only. */
  readonly readOnly?: boolean;
  /** Deadline in ms of calls that read. Default 10,000. */
  readonly deadlineMs?: number;
  /** Deadline in ms of calls that change a domain: Xen took 23 s for some. Default 60,000. */
  readonly changeDeadlineMs?: number;
  /**
   * Default: a ping after 5,000 ms of silence, dead after 5 of them, as libvirt's own clients do. `none`: neither side
   * pings, and a daemon that hangs shows by the deadlines of calls.
   */
  readonly keepalive?: KeepaliveOptions | 'none';
  /** Milliseconds before the first attempt to reconnect. Default 100. */
  readonly reconnectMinMs?: number;
  /** Longest wait between attempts in ms. Default 5,000. */
  readonly reconnectMaxMs?: number;
  /** Milliseconds for connecting and for each call that opening takes. Default 10,000. */
  readonly openDeadlineMs?: number;
  /** Calls waiting per connection. Default 1,024. */
  readonly maxQueued?: number;
  /** Connections that changes may take at the same time. More than one is there only while it is needed. Default 1. */
  readonly changeConnections?: number;
  /** Calls in flight per connection. Default 4. */
  readonly window?: number;
}

/**
 * The daemon stops reading from a client with five requests (max_client_requests), keepalive answers included, and
 * then kills it. So one place stays free.
 */
const WINDOW = 4;

/** The options with their defaults. Throws RangeError on those that make no sense. */
export function withDefaults(options: LibvirtClientOptions): {
  deadlineMs: number;
  changeDeadlineMs: number;
  changeConnections: number;
  link: Omit<LinkOptions, 'events'>;
} {
  const deadlineMs = options.deadlineMs ?? 10_000;
  const changeDeadlineMs = options.changeDeadlineMs ?? 60_000;
  const changeConnections = options.changeConnections ?? 1;
  if (!(Number.isInteger(changeConnections) && changeConnections >= 1))
    throw new RangeError(`changeConnections must be a whole number from 1 on, not ${changeConnections}`);
  checkMilliseconds('deadlineMs', deadlineMs);
  checkMilliseconds('changeDeadlineMs', changeDeadlineMs);
  return { deadlineMs, changeDeadlineMs, changeConnections, link: linkOptions(options) };
}

function linkOptions(options: LibvirtClientOptions): Omit<LinkOptions, 'events'> {
  const link = {
    socketPath: options.socketPath ?? '/run/libvirt/libvirt-sock',
    uri: options.uri ?? 'xen:///system',
    readOnly: options.readOnly ?? false,
    window: options.window ?? WINDOW,
    openDeadlineMs: options.openDeadlineMs ?? 10_000,
    keepalive: options.keepalive ?? { intervalMs: 5_000, count: 5 },
    maxQueued: options.maxQueued ?? 1_024,
    reconnectMinMs: options.reconnectMinMs ?? 100,
    reconnectMaxMs: options.reconnectMaxMs ?? 5_000,
  };
  checkMilliseconds('openDeadlineMs', link.openDeadlineMs);
  if (link.keepalive !== 'none') checkMilliseconds('keepalive.intervalMs', link.keepalive.intervalMs);
  checkMilliseconds('reconnectMinMs', link.reconnectMinMs);
  checkMilliseconds('reconnectMaxMs', link.reconnectMaxMs);
  if (!(link.window >= 1 && link.window <= 5))
    throw new RangeError(`window must be between 1 and 5, not ${link.window}`);
  return link;
}

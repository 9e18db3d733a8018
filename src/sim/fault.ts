/** What may befall a small cluster. Each fault ends by itself, and any may be left out. */
import type { SimulatedCluster } from './cluster.ts';
import { cutBetween } from './cut.ts';
import { MAX_KEYS } from '../authentication/key-ring.ts';
import { extraPrefix } from './node-announcement.ts';
import { keyNumber } from './node-keys.ts';
import { podOf } from './node-pods.ts';
import { policyOf } from './policy-manifest.ts';
import { Stranger } from './stranger.ts';
import { fairWeather, lossyWeather } from './weather.ts';

/** Each fault has so many numbers for its pods. */
const POD_SERIALS = 64;

interface TimedFault {
  /** Since the nodes started. */
  readonly atMs: number;
}

interface LastingFault extends TimedFault {
  readonly durationMs: number;
}

/** The machine of a node stops; after a while it is back, perhaps with an empty disk, or never. */
export interface CrashFault extends LastingFault {
  readonly kind: 'crash';
  readonly node: number;
  readonly comesBack: boolean;
  readonly losesState: boolean;
}

/** A node says goodbye, and perhaps comes back. */
export interface LeaveFault extends LastingFault {
  readonly kind: 'leave';
  readonly node: number;
  readonly comesBack: boolean;
}

/** What some nodes send to all others is lost; the other way, too, unless it is one way. */
export interface CutFault extends LastingFault {
  readonly kind: 'cut';
  readonly nodes: readonly number[];
  readonly isOneWay: boolean;
}

/** A link between two nodes fails. */
export interface LinkFault extends LastingFault {
  readonly kind: 'link';
  readonly nodes: readonly [number, number];
}

/** The network loses more than it should. */
export interface LossFault extends LastingFault {
  readonly kind: 'loss';
  readonly lossProbability: number;
}

/** A node handles its input late. */
export interface SlowFault extends LastingFault {
  readonly kind: 'slow';
  readonly node: number;
}

/** A node has no address for a while, and then another. */
export interface MoveFault extends LastingFault {
  readonly kind: 'move';
  readonly node: number;
  readonly place: number;
}

/** Two nodes swap their addresses. */
export interface SwapFault extends LastingFault {
  readonly kind: 'swap';
  readonly nodes: readonly [number, number];
}

/** A node announces one prefix more. */
export interface AnnounceFault extends TimedFault {
  readonly kind: 'announce';
  readonly node: number;
  readonly serial: number;
}

/** Pods come to a node, and go again, or stay. */
export interface PodsFault extends LastingFault {
  readonly kind: 'pods';
  readonly node: number;
  readonly serial: number;
  readonly count: number;
  readonly areRemoved: boolean;
}

/** Somebody gives a policy to the cluster at one node, and another one, or deletes it, at another. */
export interface PolicyFault extends LastingFault {
  readonly kind: 'policy';
  readonly nodes: readonly [number, number];
  readonly serial: number;
  readonly isDeleted: boolean;
}

/** An operator at a node adds a key, has it used once all hold it, and removes the old one once all confirmed. */
export interface RotationFault extends LastingFault {
  readonly kind: 'rotation';
  readonly node: number;
  readonly serial: number;
}

/** Somebody without the key is on the network. */
export interface StrangerFault extends LastingFault {
  readonly kind: 'stranger';
  readonly place: number;
  readonly hasForeignKey: boolean;
}

export type Fault =
  | CrashFault
  | LeaveFault
  | CutFault
  | LinkFault
  | LossFault
  | SlowFault
  | MoveFault
  | SwapFault
  | AnnounceFault
  | PodsFault
  | PolicyFault
  | RotationFault
  | StrangerFault;

/** Arranges that a fault happens at its time. What makes no sense then, as other faults came before, does not happen. */
export function schedule(fault: Fault, cluster: SimulatedCluster): void {
  cluster.clock.after(fault.atMs, () => begin(fault, cluster));
}

/** When a fault is over, in ms since the nodes started. */
export function endOf(fault: Fault): number {
  return fault.kind === 'announce' ? fault.atMs : fault.atMs + fault.durationMs;
}

/** A fault in words. */
export function describeFault(fault: Fault): string {
  const time = `${(fault.atMs / 1_000).toFixed(3)} s`;
  const isForGood = 'comesBack' in fault && !fault.comesBack;
  const span = fault.kind === 'announce' || isForGood ? '' : ` for ${(fault.durationMs / 1_000).toFixed(3)} s`;
  return `${time}: ${inWords(fault)}${span}`;
}

// Exhaustive, as the compiler knows.
// oxlint-disable-next-line typescript/consistent-return
function inWords(fault: Fault): string {
  switch (fault.kind) {
    case 'crash':
      return `n${fault.node} crashes${fault.losesState ? ', loses its state' : ''}${endInWords(fault)}`;
    case 'leave':
      return `n${fault.node} leaves${endInWords(fault)}`;
    case 'cut':
      return `${fault.nodes.map((node) => `n${node}`).join(', ')} cut off${fault.isOneWay ? ', one way,' : ''}`;
    case 'link':
      return `link between n${fault.nodes[0]} and n${fault.nodes[1]} fails`;
    case 'loss':
      return `${Math.round(100 * fault.lossProbability)} % loss`;
    case 'slow':
      return `n${fault.node} is slow`;
    case 'move':
      return `n${fault.node} moves to place ${fault.place}, has no address`;
    case 'swap':
      return `n${fault.nodes[0]} and n${fault.nodes[1]} swap addresses, have none`;
    case 'announce':
      return `n${fault.node} announces a further prefix`;
    case 'pods':
      return `${fault.count} pods come to n${fault.node}, ${fault.areRemoved ? 'and are there' : 'for good, and change'}`;
    case 'policy':
      return `policy ${fault.serial} is given at n${fault.nodes[0]}, and ${fault.isDeleted ? 'deleted' : 'changed'} at n${fault.nodes[1]} after it was there`;
    case 'rotation':
      return `an operator at n${fault.node} exchanges the key, trying`;
    case 'stranger':
      return `a stranger ${fault.hasForeignKey ? 'with a key of its own' : 'without a key'} is there`;
  }
}

function endInWords({ comesBack }: { readonly comesBack: boolean }): string {
  return comesBack ? ', is away' : ' for good';
}

function begin(fault: Fault, cluster: SimulatedCluster): void {
  const { clock, network } = cluster;
  const later = (action: () => void): void => {
    if (fault.kind !== 'announce') clock.after(fault.durationMs, action);
  };
  switch (fault.kind) {
    case 'crash':
      if (!cluster.node(fault.node).isRunning) return;
      cluster.crash(fault.node);
      if (fault.losesState) cluster.node(fault.node).forgetState();
      if (fault.comesBack) later(() => startAgain(fault.node, cluster));
      return;
    case 'leave':
      if (!cluster.node(fault.node).isRunning) return;
      cluster.leave(fault.node);
      if (fault.comesBack) later(() => startAgain(fault.node, cluster));
      return;
    case 'cut': {
      const [out, back] = cutBetween(placesOf(fault.nodes, cluster), otherPlaces(fault.nodes, cluster));
      const cuts = fault.isOneWay ? [out] : [out, back];
      cluster.cut(...cuts);
      return later(() => cluster.heal(...cuts));
    }
    case 'link': {
      const [one, other] = placesOf(fault.nodes, cluster);
      const cuts = cutBetween([one!], [other!]);
      cluster.cut(...cuts);
      return later(() => cluster.heal(...cuts));
    }
    case 'loss':
      network.weather = lossyWeather(fault.lossProbability);
      return later(() => {
        network.weather = fairWeather;
      });
    case 'slow':
      cluster.setSlow(fault.node, true);
      return later(() => cluster.setSlow(fault.node, false));
    case 'move':
      if (cluster.node(fault.node).place < 0) return;
      cluster.loseAddress(fault.node);
      return later(() =>
        cluster.move(fault.node, isFree(fault.place, cluster) ? fault.place : cluster.node(fault.node).lastPlace),
      );
    case 'swap': {
      const [one, other] = fault.nodes;
      const [here, there] = [cluster.node(one).place, cluster.node(other).place];
      if (here < 0 || there < 0) return;
      cluster.loseAddress(one);
      cluster.loseAddress(other);
      return later(() => {
        cluster.move(one, there);
        cluster.move(other, here);
      });
    }
    case 'pods': {
      const node = cluster.node(fault.node);
      const first = POD_SERIALS * (1 + fault.serial);
      const come = Array.from({ length: fault.count }, (_, index) => podOf(fault.node, first + index));
      const names = new Set(come.map(({ name }) => name));
      node.replacePods([...node.pods, ...come]);
      return later(() => {
        const others = node.pods.filter(({ name }) => !names.has(name));
        const changed = come.map((_, index) => podOf(fault.node, first + index, 1));
        node.replacePods(fault.areRemoved ? others : [...others, ...changed]);
      });
    }
    case 'policy': {
      const { serial, isDeleted } = fault;
      const give = (number: number, wish: ReturnType<typeof policyOf>): void => {
        if (cluster.node(number).isRunning) cluster.node(number).rulebook.give([wish], () => undefined);
      };
      give(fault.nodes[0], policyOf(serial));
      return later(() =>
        give(fault.nodes[1], isDeleted ? { ...policyOf(serial), object: undefined } : policyOf(serial, 1)),
      );
    }
    case 'rotation': {
      const old = cluster.node(fault.node).keys?.ring.primary.id ?? '';
      return rotateKey(fault, cluster, old, clock.nowMs() + fault.durationMs);
    }
    case 'stranger': {
      const stranger = new Stranger(
        cluster,
        fault.place,
        cluster.seed,
        fault.hasForeignKey ? cluster.cipher : undefined,
      );
      stranger.come();
      return later(() => stranger.go());
    }
    case 'announce': {
      const { prefixes } = cluster.node(fault.node).announcement;
      return cluster.announce(fault.node, { prefixes: [...prefixes, extraPrefix(fault.node, fault.serial)] });
    }
  }
}

function startAgain(number: number, cluster: SimulatedCluster): void {
  if (!cluster.node(number).isRunning) cluster.start(number);
}

/** How often an operator looks whether all nodes have confirmed. */
const LOOK_MS = 1_000;

/**
 * Does what may be done next, as often as it takes: what `weft key` refuses without force is not done, so nothing while the
 * operator's node does not know all others, as after a restart. Others may do the same elsewhere, at the same time, with
 * other keys.
 */
function rotateKey(fault: RotationFault, cluster: SimulatedCluster, old: string, untilMs: number): void {
  const { clock } = cluster;
  const { keys, isRunning } = cluster.node(fault.node);
  if (clock.nowMs() >= untilMs || keys === undefined) return;
  clock.after(LOOK_MS, () => rotateKey(fault, cluster, old, untilMs));
  if (!isRunning || cluster.node(fault.node).membership.members().length < cluster.nodes.size) return;
  const { membership } = cluster.node(fault.node);
  const fresh = keyNumber(keys.cipher, fault.serial);
  const members = membership.members();
  const live = members.filter(({ state }) => state === 'alive' || state === 'suspect');
  if (!keys.ring.holds(fresh.id)) {
    if (keys.ring.ids.length < MAX_KEYS) keys.give({ kind: 'add', key: fresh }, membership);
  } else if (keys.ring.primary.id !== fresh.id) {
    const isHeld = live.every(({ announcement }) => announcement.keyIds.includes(fresh.id));
    if (isHeld) keys.give({ kind: 'use', id: fresh.id }, membership);
  } else {
    const isConfirmed = members.every(({ announcement }) => announcement.keyIds[0] === fresh.id);
    if (isConfirmed && old !== fresh.id && keys.ring.holds(old)) keys.give({ kind: 'remove', id: old }, membership);
  }
}

/** Two nodes never have one address: what then happens nobody promises. */
function isFree(place: number, cluster: SimulatedCluster): boolean {
  return [...cluster.nodes.values()].every(({ lastPlace }) => lastPlace !== place);
}

/** Where nodes are, those without address included: where they were. */
function placesOf(numbers: readonly number[], cluster: SimulatedCluster): number[] {
  return numbers.map((number) => cluster.node(number).lastPlace);
}

function otherPlaces(numbers: readonly number[], cluster: SimulatedCluster): number[] {
  return placesOf(
    [...cluster.nodes.keys()].filter((number) => !numbers.includes(number)),
    cluster,
  );
}

/** `GET /v1/place?name=TEXT`: who is meant by a name. Part of the control API, see `control-api.ts`. Types only. */

export interface PlaceReport {
  readonly kind: 'pod' | 'node' | 'address';
  /** What may be written to mean this one and no other: `n2/shop/web`, `n2`, an address. */
  readonly label: string;
  /** Name of the node that it is at; empty for an address to which no route leads. */
  readonly node: string;
  /** In the overlay. */
  readonly addresses: readonly string[];
  /** Empty, or why it may not be what was meant: which pod of a Deployment it is, that it is gone. */
  readonly remark: string;
}

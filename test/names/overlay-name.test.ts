import test from 'ava';
import { parseOverlayName } from '../../src/names/overlay-name.ts';

const domain = ['weft', 'internal'];

function meaning(text: string): string | undefined {
  const name = parseOverlayName(text, domain);
  if (name === undefined) return undefined;
  if (name.kind === 'service') return `service ${name.namespace}/${name.name}`;
  if (name.kind === 'node') return `node ${name.node}`;
  const pods = name.candidates.map((pod) => `${pod.namespace}/${pod.name}`).join(' or ');
  return `${pods}${name.node === undefined ? '' : ` at ${name.node}`}`;
}

test('names of pods and nodes are told apart as DNS answers them', (t) => {
  t.is(meaning('web.weft.internal'), 'default/web');
  t.is(meaning('web.weft.internal.'), 'default/web');
  t.is(meaning('WEB.Shop.weft.internal'), 'shop/web or default/web.shop');
  t.is(meaning('n2.node.weft.internal'), 'node n2');
  t.is(meaning('web.n2.node.weft.internal'), 'default/web at n2');
  t.is(meaning('web.shop.n2.node.weft.internal'), 'shop/web or default/web.shop at n2');
  t.is(meaning('web.svc.n2.node.weft.internal'), 'svc/web or default/web.svc at n2');
  t.is(meaning('svc.node.weft.internal'), 'node svc');
  t.is(meaning('Web.Shop.SVC.weft.internal'), 'service shop/web');
  t.is(meaning('svc.svc.svc.weft.internal'), 'service svc/svc');
  t.is(meaning('shop.svc.weft.internal'), undefined);
});

test('what is not below the domain, or nobody there, is no such name', (t) => {
  for (const text of [
    'web',
    'weft.internal',
    'node.weft.internal',
    'svc.weft.internal',
    'www.example.com',
    'a b.weft.internal',
    '',
  ])
    t.is(meaning(text), undefined, text);
});

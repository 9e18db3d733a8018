import test from 'ava';
import { isOfServices } from '../../src/names/service-names.ts';

const domain = ['weft', 'internal'];

for (const [name, isOne] of Object.entries({
  'web.shop.svc.weft.internal': true,
  'WEB.SHOP.SVC.Weft.Internal': true,
  'shop.svc.weft.internal': true,
  'svc.weft.internal': true,
  'svc.shop.weft.internal': false,
  'web.shop.svc.example.com': false,
  'web.shop.svc': false,
  'weft.internal': false,
  internal: false,
})) {
  test(`${name} is ${isOne ? '' : 'not '}one of services`, (t) => t.is(isOfServices(name.split('.'), domain), isOne));
}

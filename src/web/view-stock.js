// Items: all of them, or those that have the words one looks for, with what there is of each.

import { get, segment, unless } from './api.js';
import { byId, element, say } from './dom.js';
import { amount, growing, itemLink, level, linkTo, locationLink, locationNames, scroll } from './parts.js';
import { sheet } from './sheet.js';
import { to } from './route.js';
import { quantity } from './words.js';

const PAGE = 25;

/** What there is of an item, everywhere: asked with as few rows as can be. */
const total = (sku, signal) => unless(404, get(`/v1/availability/${segment(sku)}`, { limit: 1 }, { signal }));

export const options = (item) => Object.entries(item.options ?? {}).map(([name, value]) => `${name} ${value}`).join(', ');

const columns = [
    { id: 'sku', title: 'SKU', head: true, value: (row) => row.sku, cell: (row) => itemLink(row.sku) },
    { id: 'name', title: 'Name', value: (row) => row.name ?? '', cell: (row) => row.name ?? element('span', { class: 'soft' }, 'not registered') },
    { id: 'product', title: 'Product', value: (row) => row.product ?? '', cell: (row) => row.product && linkTo(['stock'], row.product, { product: row.product }) },
    { id: 'options', title: 'Options', value: options },
    { id: 'available', title: 'Available', number: true, value: (row) => row.total?.available ?? 0, cell: (row) => (row.total ? amount(row.total.available) : '') },
    { id: 'level', title: 'Level', value: (row) => row.total?.level ?? '', cell: (row) => row.total && level(row.total.level) },
];

async function places(q, signal) {
    const answer = await get('/v1/locations', { q, limit: 5 }, { signal });
    if (!answer.locations.length) return null;
    const names = await locationNames();
    return element('p', { class: 'also' }, 'Locations: ', answer.locations.map((one, i) => [i > 0 && ', ', locationLink(one.id, names)]),
        answer.next && [' and ', linkTo(['locations'], `${quantity(answer.found - answer.locations.length)} more`, { q })]);
}

export async function show({ page, signal, parameters, heading }) {
    const q = parameters.get('q') ?? '';
    const product = parameters.get('product') ?? '';
    const field = byId('find-text');
    if (field !== document.activeElement) field.value = q;

    heading(product ? `Product ${product}` : q ? `Items with “${q}”` : 'Stock',
        product && element('a', { class: 'button compact', href: to(['matrix'], { product }) }, 'All its variants, by channel and location'));
    const found = element('p', { class: 'soft', role: 'status' });
    const rows = [];
    const table = sheet({ caption: 'Items', columns, key: (row) => row.sku, empty: q ? `No item has “${q}”.` : 'There is no item yet.' });
    const box = scroll('Items', table.node);
    page.append(found, box);

    async function next(after) {
        const answer = await get('/v1/items', { q, product, limit: PAGE, after }, { signal });
        const counted = answer.found === undefined ? '' : `${quantity(answer.found)} ${answer.found === 1 ? 'item' : 'items'}`;
        say(found, counted || 'In the order they came. Search by name, SKU, GTIN or product.');
        rows.push(...answer.items);
        table.show(rows);
        await Promise.all(answer.items.map(async (item) => {
            item.total = await total(item.sku, signal);
        }));
        table.show(rows);
        return { next: answer.next, count: answer.items.length };
    }

    await growing(box, next, signal);
    const elsewhere = q && await places(q, signal);
    if (elsewhere && !signal.aborted) found.after(elsewhere);
}

// Orders that are short, and by how much, until stock comes.

import { get } from './api.js';
import { element, say } from './dom.js';
import { amount, at, growing, itemLink, locationNames, linkTo, placeOfRow, scroll, since } from './parts.js';
import { sheet } from './sheet.js';

const who = (demand) => demand.map((one, i) => [i > 0 && ', ',
    one.reservations.length === 1 ? linkTo(['reservations', one.reservations[0]], one.reference) : one.reference,
    element('span', { class: 'soft' }, ` ${amount(one.short)} short`, one.channel && ` · ${one.channel}`, one.required_at && [' · for ', at(one.required_at)])]);

const columns = (names) => [
    { id: 'sku', title: 'Item', head: true, value: (row) => row.sku, cell: (row) => itemLink(row.sku) },
    { id: 'location', title: 'Location', value: (row) => names.get(row.location) || row.location, cell: (row) => placeOfRow(row.sku, row.location, names) },
    { id: 'oversold', title: 'Short', number: true, value: (row) => row.oversold, cell: (row) => amount(row.oversold), total: (rows) => amount(rows.reduce((sum, row) => sum + row.oversold, 0)) },
    { id: 'since', title: 'Oldest', value: (row) => row.demand[0]?.since ?? '', cell: (row) => since(row.demand[0]?.since, '') },
    { id: 'who', title: 'Whose', cell: (row) => who(row.demand), class: 'wide' },
];

export async function show({ page, signal, heading }) {
    heading('Shortfalls');
    page.append(element('p', { class: 'soft' }, 'Demand that the stock does not cover, oldest promise kept longest. A row leaves this list when stock comes or demand goes.'));
    const told = element('p', { role: 'status', class: 'unseen' });
    const table = sheet({ caption: 'Shortfalls', columns: columns(await locationNames()), key: (row) => `${row.sku}\n${row.location}`, empty: 'Nobody is short of anything.' });
    const box = scroll('Shortfalls', table.node);
    const rows = [];
    page.append(told, box);

    await growing(box, async (after) => {
        const answer = await get('/v1/shortfalls', { after, limit: 100 }, { signal });
        rows.push(...answer.shortfalls);
        table.show(rows);
        say(told, `${rows.length} rows are short`);
        return { next: answer.next, count: answer.shortfalls.length };
    }, signal);
}

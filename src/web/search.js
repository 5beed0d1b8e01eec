// What the two inputs propose: items, those of one product together, and places.

import { get } from './api.js';

const ITEMS_READ = 60;
const PROPOSALS = 12;

function groups(items) {
    const found = new Map();
    for (const item of items) {
        const id = item.product ? `product ${item.product}` : `sku ${item.sku}`;
        found.set(id, [...(found.get(id) ?? []), item]);
    }
    return [...found.values()];
}

/** Who types the number of a variant means that one; else the product is meant. */
function proposal(items, text) {
    const exact = items.find((item) => item.sku.toLowerCase() === text.toLowerCase());
    const one = exact ?? items[0];
    const whole = one.product && items.length > 1 && !exact;
    return {
        title: one.name ?? one.sku,
        note: whole ? `${one.product}, ${items.length === ITEMS_READ ? 'many' : items.length} variants` : one.sku,
        value: { product: one.product ?? '', sku: whole ? '' : one.sku, name: one.name ?? one.sku },
    };
}

export async function findItems(text, signal) {
    const { items } = await get('/v1/items', { q: text, limit: ITEMS_READ }, { signal });
    return groups(items).slice(0, PROPOSALS).map((group) => proposal(group, text));
}

export async function findPlaces(text, signal) {
    const { locations } = await get('/v1/locations', { q: text, limit: PROPOSALS }, { signal });
    return locations.filter((one) => typeof one.latitude === 'number').map((one) => {
        const name = one.name ?? one.id;
        return { title: name, note: one.address, value: { latitude: one.latitude, longitude: one.longitude, name } };
    });
}

// Addresses inside the console: #/item/85123A/channels?sort=available. Every view has one, so that it can be kept, sent and gone back to.

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

/** '#/a/b%2Fc?x=1' → {segments: ['a', 'b/c'], parameters: URLSearchParams} */
export function parse(hash) {
    const [path, ...rest] = hash.replace(/^#\/?/, '').split('?');
    return {
        segments: path.split('/').filter((segment) => segment !== '').map(decoded),
        parameters: new URLSearchParams(rest.join('?')),
    };
}

function tail(parameters) {
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== undefined && value !== null && value !== '') pairs.set(name, value);
    }
    return pairs.size ? `?${pairs}` : '';
}

/** The address of a view: to(['item', sku], {sort: 'level'}). */
export const to = (segments, parameters = {}) => `#/${segments.map(encodeURIComponent).join('/')}${tail(parameters)}`;

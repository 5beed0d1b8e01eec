// Makes and changes elements. Whatever comes from outside becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined || value === null || value === false) continue;
        if (name === 'on') {
            for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
        } else if (name === 'data') {
            Object.assign(node.dataset, value);
        } else {
            node.setAttribute(name, value === true ? '' : value);
        }
    }
    node.append(...wanted(children));
    return node;
}

const wanted = (children) => children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false);

/** An element. `on: {click: f}` listens, `data: {sku: 's'}` is its dataset; what is false, null or undefined is left out. */
export const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

export function replace(node, ...children) {
    node.replaceChildren(...wanted(children));
    return node;
}

/** Says it: leaves the node alone when it says so already, so that nothing is read out twice. */
export function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/** Lets a figure light up once. */
export function flash(node) {
    node.classList.remove('changed');
    void node.offsetWidth; // begins the animation anew
    node.classList.add('changed');
}

/** Calls f once when `ms` have passed without another call; `.stop()` takes back a call that has not been made yet. */
export function settled(f, ms) {
    let timer;
    const soon = (...given) => {
        clearTimeout(timer);
        timer = setTimeout(() => f(...given), ms);
    };
    soon.stop = () => clearTimeout(timer);
    return soon;
}

/** Makes `nodes` the children of `parent`, in this order, and moves only what has to move: what has the focus keeps it. */
export function arrange(parent, nodes) {
    nodes.forEach((node, i) => {
        if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
    });
    while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

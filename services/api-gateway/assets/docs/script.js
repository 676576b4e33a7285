// Renders openapi.json. Text only ever becomes text: nothing of the document is read as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with attributes and children; strings become text. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function link(href, text) {
  return element("a", { href }, text);
}

/** Text of ours: what stands between backticks is code. */
function prose(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 === 1 ? element("code", {}, part) : part));
}

const optional = () => element("span", { class: "soft" }, " (optional)");

const nameOf = (reference) => reference.split("/").pop();

/** A schema in a few words; what has a name of its own is a link to it. */
function type(schema) {
  if (schema === undefined || schema === true) return ["anything"];
  if (schema.$ref) return [link(`#schema-${nameOf(schema.$ref)}`, nameOf(schema.$ref))];
  for (const key of ["oneOf", "anyOf", "allOf"]) {
    if (schema[key]) return joined(schema[key].map(type), key === "allOf" ? " and " : " or ");
  }
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  const names = [schema.type ?? "anything"].flat();
  return joined(names.map((name) => typeNamed(name, schema)), " or ");
}

function typeNamed(name, schema) {
  if (name === "array") return ["array of ", ...type(schema.items)];
  if (name === "object" && schema.properties) return ["object"];
  if (name === "object" && schema.additionalProperties) {
    return ["map to ", ...type(schema.additionalProperties)];
  }
  if (name === "null") return ["null"];
  return [schema.format ? `${name} (${schema.format})` : name];
}

function joined(parts, separator) {
  return parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]));
}

function table(headings, rows) {
  const head = headings.map((heading) => element("th", { scope: "col" }, heading));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, ...first), ...rest.map((cell) => element("td", {}, ...cell))),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}

function bounds(schema) {
  const words = { minimum: "at least", maximum: "at most", maxLength: "length at most", maxItems: "items at most" };
  const said = Object.entries(words)
    .filter(([key]) => schema?.[key] !== undefined)
    .map(([key, word]) => `${word} ${schema[key]}`);
  if (schema?.default !== undefined) said.push(`default ${JSON.stringify(schema.default)}`);
  return said.length > 0 ? ` (${said.join(", ")})` : "";
}

/** The fields of an object, one line each. */
function fields(schema) {
  const parts = schema.allOf ?? [schema];
  const rows = parts.flatMap((part) =>
    Object.entries(part.properties ?? {}).map(([name, field]) => [
      [element("code", {}, name), (part.required ?? []).includes(name) ? "" : optional()],
      type(field),
      [...prose(field.description), bounds(field)],
    ]),
  );
  return rows.length > 0 ? table(["Field", "Type", "Meaning"], rows) : null;
}

function content(media) {
  return Object.entries(media ?? {}).map(([name, { schema }]) =>
    element("p", {}, element("code", {}, name), ": ", ...type(schema)),
  );
}

function parameters(list) {
  if (!list || list.length === 0) return [];
  const rows = list.map(({ name, in: place, required, schema, description }) => [
    [element("code", {}, name), required ? "" : optional()],
    [place],
    type(schema),
    [...prose(description), bounds(schema)],
  ]);
  return [element("h4", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], rows)];
}

function responses(all) {
  const rows = Object.entries(all ?? {}).map(([status, response]) => [
    [element("code", {}, status)],
    prose(response.description),
    Object.entries(response.content ?? {}).flatMap(([media, { schema }]) => [
      ...type(schema),
      element("span", { class: "soft" }, ` ${media}`),
    ]),
  ]);
  return [element("h4", {}, "Responses"), table(["Status", "Meaning", "Body"], rows)];
}

function operation(method, path, details) {
  const body = details.requestBody
    ? [element("h4", {}, "Body"), ...content(details.requestBody.content)]
    : [];
  return element(
    "details",
    { id: details.operationId ?? `${method}-${path}`, "data-text": `${method} ${path} ${details.summary ?? ""}`.toLowerCase() },
    element(
      "summary",
      {},
      element("span", { class: "method" }, method.toUpperCase()),
      element("code", {}, path),
      element("span", { class: "summary" }, ` ${details.summary ?? ""}`),
    ),
    details.description ? element("p", {}, ...prose(details.description)) : null,
    element("p", { class: "soft" }, details.security?.length ? "Needs an access token." : "Needs no access token."),
    ...parameters(details.parameters),
    ...body,
    ...responses(details.responses),
  );
}

function operationsByTag(api) {
  const tags = new Map((api.tags ?? []).map(({ name, description }) => [name, { description, operations: [] }]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      const name = item[method].tags?.[0] ?? "other";
      if (!tags.has(name)) tags.set(name, { operations: [] });
      const shared = item.parameters ?? [];
      const details = { ...item[method], parameters: [...shared, ...(item[method].parameters ?? [])] };
      tags.get(name).operations.push(operation(method, path, details));
    }
  }
  return [...tags].filter(([, { operations }]) => operations.length > 0);
}

function section(id, title, description, children) {
  return element(
    "section",
    { "aria-labelledby": id },
    element("h2", { id }, title),
    description ? element("p", {}, ...prose(description)) : null,
    ...children,
  );
}

function schemas(components) {
  return Object.entries(components?.schemas ?? {})
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, schema]) =>
      element(
        "details",
        { id: `schema-${name}`, "data-text": name.toLowerCase() },
        element("summary", {}, element("code", {}, name)),
        schema.description ? element("p", {}, ...prose(schema.description)) : null,
        fields(schema) ?? element("p", {}, ...type(schema)),
      ),
    );
}

function render(api) {
  const tags = operationsByTag(api);
  const known = schemas(api.components);
  const sections = tags.map(([name, { description, operations }]) => section(`tag-${name}`, name, description, operations));
  if (known.length > 0) sections.push(section("schemas", "Schemas", null, known));
  document.getElementById("description").replaceChildren(...prose(api.info.description));
  document.getElementById("document").replaceChildren(...sections);
  const contents = [...tags.map(([name]) => [`#tag-${name}`, name]), ...(known.length > 0 ? [["#schemas", "Schemas"]] : [])];
  const entries = contents.map(([href, text]) => element("li", {}, link(href, text)));
  document.getElementById("contents").replaceChildren(element("ul", {}, ...entries));
  const count = tags.reduce((sum, [, { operations }]) => sum + operations.length, 0);
  document.getElementById("status").textContent = `${count} operations, version ${api.info.version}`;
}

/** Opens what the address points at. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter(event) {
  const wanted = event.target.value.trim().toLowerCase();
  for (const entry of document.querySelectorAll("details[data-text]")) {
    entry.hidden = !entry.dataset.text.includes(wanted);
  }
}

async function main() {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  render(await answer.json());
  openTarget();
  addEventListener("hashchange", openTarget);
  document.getElementById("filter").addEventListener("input", filter);
}

main().catch((error) => {
  document.getElementById("status").textContent = `The document cannot be shown: ${error.message}`;
});

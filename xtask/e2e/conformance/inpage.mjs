// What runs inside every page: connections of the official client by name, and a record of what happens to each.

/** Is evaluated in the page, so it may use nothing of this file. */
export function library() {
  const $ = window.$;
  window.connections = {};
  window.settle = (deferred) => new Promise((resolve, reject) => deferred.then(resolve, reject));
  window.told = ({ message, source, data, context }) => ({ 
    message, data, status: context?.status, source: source instanceof Error ? source.message : source?.status ? undefined : source });
  const state = (number) => Object.entries($.signalR.connectionState).find(([, n]) => n === number)[0];

  /** With `hubs`, events by hub, a hub connection; `generated` takes the one of the generated script. */
  window.make = (name, { url, hubs, qs, generated }) => {
    let connection;
    if (generated) {
      connection = $.connection.hub;
      connection.url = url;
    } else {
      connection = hubs ? $.hubConnection(url, { useDefaultPath: false, qs }) : $.connection(url, qs);
    }
    const it = { connection, proxies: {}, heard: [], states: [], log: [] };
    for (const [hub, events] of Object.entries(hubs ?? {})) {
      const hear = (event) => (...args) => it.heard.push([event, ...args]);
      // The client names only hubs with a handler to the server, and the rest has no events there.
      const heard = [...events, "unheard"];
      if (generated) {
        it.proxies[hub] = $.connection[hub];
        for (const event of heard) $.connection[hub].client[event] = hear(event);
      } else {
        it.proxies[hub] = connection.createHubProxy(hub);
        for (const event of heard) it.proxies[hub].on(event, hear(event));
      }
    }
    if (!hubs) connection.received((value) => it.heard.push(["received", value]));
    for (const event of ["starting", "connectionSlow", "reconnecting", "reconnected", "disconnected"]) {
      connection[event](() => it.log.push(event));
    }
    connection.error((error) => it.log.push(`error: ${error.message}`));
    connection.stateChanged(({ newState }) => { it.states.push(state(newState)); it.log.push(state(newState)); });
    window.connections[name] = it;
  };

  window.start = (name, how) => {
    const it = window.connections[name];
    it.connection.start(how).done(() => it.log.push("started"));
    return window.settle(it.connection.start(how)).then(({ id, transport }) => ({ id, transport: transport.name }));
  };

  window.invoke = (name, hub, method, ...args) => window.settle(window.connections[name].proxies[hub].invoke(method, ...args));
}

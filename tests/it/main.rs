//! gatepost as its users meet it: the real binary, asked over real sockets.
//!
//! The modules stand in the order of the road. A test that guards against a
//! fault which people have met with such proxies names the report's number.

mod support;

mod handover;
mod listen;
mod reload;
mod steer;
mod tls;

mod acme;

mod conn;
mod limits;

mod route;

mod access;

mod forwarded;
mod framing;
mod launcher;
mod meetings;
mod proxy;
mod redirect;
mod site;
mod smuggling;
mod upgrade;

mod logs;
mod status;

mod cert_bad;
mod cert_bundle;
mod cert_inspect;
mod cert_serve;

mod check_live;
mod cli;
mod demo;
mod explain;
mod token;

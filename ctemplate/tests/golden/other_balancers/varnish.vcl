vcl 4.1;

import directors;

backend default none;

# cluster_production:a:b
backend server_e64a760392654b5d70914455f92bbb5edf43fef8348d5eb36c60b9ce5fc23986 {
  .host = "10.0.0.5";
  .port = "31008";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_99bf40af6f9452f515dfe39857524ebe83fb7ed39bfc722cad41f5815d3785e1 = directors.random();
  cluster_99bf40af6f9452f515dfe39857524ebe83fb7ed39bfc722cad41f5815d3785e1.add_backend(server_e64a760392654b5d70914455f92bbb5edf43fef8348d5eb36c60b9ce5fc23986, 1.0);
}

# cluster_production:api
backend server_9990f8e64f5bea35feac5687b1de3ea2f740a074ff96adcd1a46c1f5d76058e2 {
  .host = "10.0.0.2";
  .port = "31003";
  .connect_timeout = 5s;
  .first_byte_timeout = 5m;
  .max_connections = 50;
  .probe = {
    .url = "/up";
    .interval = 5s;
  }
}

sub vcl_init {
  new cluster_e974929fcdfdd432637b8e80451cb56e097408af9a88807cd90ac00034fdd5be = directors.random();
  cluster_e974929fcdfdd432637b8e80451cb56e097408af9a88807cd90ac00034fdd5be.add_backend(server_9990f8e64f5bea35feac5687b1de3ea2f740a074ff96adcd1a46c1f5d76058e2, 1.0);
}

# cluster_production:c:d
backend server_dcd2d28ae3b4a3b4a20bd233693de733a4148f4c322a56227f03f3be9fd55c8a {
  .host = "10.0.0.5";
  .port = "31009";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_570e682e76c2ae15b582d72a2a93f2b26c7bccf6ae105121fd72ef0e8914e42b = directors.random();
  cluster_570e682e76c2ae15b582d72a2a93f2b26c7bccf6ae105121fd72ef0e8914e42b.add_backend(server_dcd2d28ae3b4a3b4a20bd233693de733a4148f4c322a56227f03f3be9fd55c8a, 1.0);
}

# cluster_production:guarded
backend server_04eecc1a480c16ee425fd0f0cbef1d9f950f040a6b658a0e07642b0c4e07b5bd {
  .host = "10.0.0.4";
  .port = "31006";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_0ffedf5c04f8435f0629bc15553a23d99611eda970aa834c28b11048b26e86ef = directors.random();
  cluster_0ffedf5c04f8435f0629bc15553a23d99611eda970aa834c28b11048b26e86ef.add_backend(server_04eecc1a480c16ee425fd0f0cbef1d9f950f040a6b658a0e07642b0c4e07b5bd, 1.0);
}

# cluster_production:least
backend server_eba7aa355d1fb13c252f92254fad7a1c8c81681c674d74a28fe22c6f84c03741 {
  .host = "10.0.0.3";
  .port = "31004";
  .connect_timeout = 2s;
  .first_byte_timeout = 60s;
}

sub vcl_init {
  new cluster_28b2cdbf888b76eb69e67c22162b3a0683c764146e8c6242095a3d1831083ccb = directors.random();
  cluster_28b2cdbf888b76eb69e67c22162b3a0683c764146e8c6242095a3d1831083ccb.add_backend(server_eba7aa355d1fb13c252f92254fad7a1c8c81681c674d74a28fe22c6f84c03741, 1.0);
}

# cluster_production:office
backend server_c03e734548c059ee6b0e3e2176ea01ceedc50256279ae3406cb77d1b6bcc8ebd {
  .host = "10.0.0.4";
  .port = "31007";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_143d1aed3413a04456d8d746e07261d751f581ce240cfdbffea9db5b4da41594 = directors.random();
  cluster_143d1aed3413a04456d8d746e07261d751f581ce240cfdbffea9db5b4da41594.add_backend(server_c03e734548c059ee6b0e3e2176ea01ceedc50256279ae3406cb77d1b6bcc8ebd, 1.0);
}

# cluster_production:random

sub vcl_init {
  new cluster_af277057eb49b5634b9773a25315b5964bf2ecc966bad5ffb6170a40ea4edc55 = directors.random();
}

# cluster_production:web
backend server_ef306d5c4416603ed1a733a294902f3f4f64047358918c0c47e92ac2886e6a51 {
  .host = "10.0.0.1";
  .port = "31001";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}
backend server_edee2a0ab9f7cc9595062d5a340819318566113edd01c9990739ad106c356f26 {
  .host = "2001:db8::1";
  .port = "31002";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_7f1a150d05543a87ff703b2ec5c275cf7065423bd4f4f57e33ceddf2c913ce38 = directors.random();
  cluster_7f1a150d05543a87ff703b2ec5c275cf7065423bd4f4f57e33ceddf2c913ce38.add_backend(server_ef306d5c4416603ed1a733a294902f3f4f64047358918c0c47e92ac2886e6a51, 90.0);
  cluster_7f1a150d05543a87ff703b2ec5c275cf7065423bd4f4f57e33ceddf2c913ce38.add_backend(server_edee2a0ab9f7cc9595062d5a340819318566113edd01c9990739ad106c356f26, 0.0);
}

# cluster_staging:web
backend server_2efa57fd2783deca82f7a38c6ce9f21e8a05702f721e3a9bab5ceca827e387ba {
  .host = "10.0.0.1";
  .port = "31001";
  .connect_timeout = 5s;
  .first_byte_timeout = 60s;
  .probe = {
    .url = "/healthcheck";
    .interval = 2s;
  }
}

sub vcl_init {
  new cluster_8f11fe0d7b86820ba41851aa48378b0799c408145527f6df22a6550dfbca34b4 = directors.random();
  cluster_8f11fe0d7b86820ba41851aa48378b0799c408145527f6df22a6550dfbca34b4.add_backend(server_2efa57fd2783deca82f7a38c6ce9f21e8a05702f721e3a9bab5ceca827e387ba, 90.0);
}

# The first that matches.
sub route {
  if (req.http.host ~ "(?i)^\Qexample.com\E(:[0-9]+)?$" && req.url ~ "^\Q/office\E([/?]|$)") {
    return (synth(403));
  }
  if (req.http.host ~ "(?i)^\Qexample.com\E(:[0-9]+)?$" && req.url ~ "^\Q/api\E([/?]|$)") {
    set req.backend_hint = cluster_e974929fcdfdd432637b8e80451cb56e097408af9a88807cd90ac00034fdd5be.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qcolon.example.com\E(:[0-9]+)?$") {
    return (synth(403));
  }
  if (req.http.host ~ "(?i)^\Qcd.example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_570e682e76c2ae15b582d72a2a93f2b26c7bccf6ae105121fd72ef0e8914e42b.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qguarded.example.com\E(:[0-9]+)?$") {
    return (synth(403));
  }
  if (req.http.host ~ "(?i)^\Qleast.example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_28b2cdbf888b76eb69e67c22162b3a0683c764146e8c6242095a3d1831083ccb.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qrandom.example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_af277057eb49b5634b9773a25315b5964bf2ecc966bad5ffb6170a40ea4edc55.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qexample.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_7f1a150d05543a87ff703b2ec5c275cf7065423bd4f4f57e33ceddf2c913ce38.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qwww.example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_7f1a150d05543a87ff703b2ec5c275cf7065423bd4f4f57e33ceddf2c913ce38.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qstaging-example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_8f11fe0d7b86820ba41851aa48378b0799c408145527f6df22a6550dfbca34b4.backend();
    return;
  }
  if (req.http.host ~ "(?i)^\Qstaging-www.example.com\E(:[0-9]+)?$") {
    set req.backend_hint = cluster_8f11fe0d7b86820ba41851aa48378b0799c408145527f6df22a6550dfbca34b4.backend();
    return;
  }
  return (synth(404));
}

sub vcl_recv {
  call route;
}

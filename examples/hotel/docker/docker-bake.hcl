# Built by ../build; what it passes stands here.
variable "VERSION" { default = "dev" }
variable "VARIANT" { default = "" }
variable "TAG" { default = "dev" }
variable "REGISTRY" { default = "" }

group "release" { targets = ["app", "web", "ws"] }
group "accessories" { targets = ["mariadb", "redis", "mail"] }

target "_common" {
  context    = "."
  dockerfile = "docker/Dockerfile"
}

target "_release" {
  inherits = ["_common"]
  args     = { VERSION = VERSION, VARIANT = VARIANT }
}

target "app" {
  inherits = ["_release"]
  target   = "app"
  tags     = ["${REGISTRY}hotel/app:${TAG}"]
}

target "web" {
  inherits = ["_release"]
  target   = "web"
  tags     = ["${REGISTRY}hotel/web:${TAG}"]
}

target "ws" {
  inherits = ["_release"]
  target   = "ws"
  tags     = ["${REGISTRY}hotel/ws:${TAG}"]
}

target "mariadb" {
  inherits = ["_common"]
  target   = "mariadb"
  tags     = ["${REGISTRY}hotel/mariadb:1"]
}

target "redis" {
  inherits = ["_common"]
  target   = "redis"
  tags     = ["${REGISTRY}hotel/redis:1"]
}

target "mail" {
  inherits = ["_common"]
  target   = "mail"
  tags     = ["${REGISTRY}hotel/mail:1"]
}

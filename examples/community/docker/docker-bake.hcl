# Built by ../build; what it passes stands here.
variable "VERSION" { default = "dev" }
variable "VARIANT" { default = "" }
variable "TAG" { default = "dev" }
variable "REGISTRY" { default = "" }

target "_common" {
  context    = "."
  dockerfile = "docker/Dockerfile"
}

target "app" {
  inherits = ["_common"]
  target   = "app"
  args     = { VERSION = VERSION, VARIANT = VARIANT }
  tags     = ["${REGISTRY}community/app:${TAG}"]
}

target "postgres" {
  inherits = ["_common"]
  target   = "postgres"
  tags     = ["${REGISTRY}community/postgres:1"]
}

target "redis" {
  inherits = ["_common"]
  target   = "redis"
  tags     = ["${REGISTRY}community/redis:1"]
}

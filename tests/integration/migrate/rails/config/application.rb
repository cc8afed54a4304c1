require "rails"
require "active_record/railtie"

module Rooms
  class Application < Rails::Application
    config.load_defaults 7.2
    config.eager_load = false
    config.secret_key_base = "of no use"
    config.active_record.dump_schema_after_migration = false
    config.logger = Logger.new(File::NULL)
  end
end

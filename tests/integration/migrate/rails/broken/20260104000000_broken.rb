class Broken < ActiveRecord::Migration[7.2]
  def up
    create_table :half
    execute "insert into nowhere values (1)"
  end
end

class CreateRooms < ActiveRecord::Migration[7.2]
  def change
    create_table :rooms do |table|
      table.string :name, limit: 40
    end
  end
end

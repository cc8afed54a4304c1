# steady: expand
class AddNights < ActiveRecord::Migration[7.2]
  def change
    add_column :rooms, :nights, :integer
  end
end

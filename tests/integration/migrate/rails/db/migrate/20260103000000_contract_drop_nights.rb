class ContractDropNights < ActiveRecord::Migration[7.2]
  def up
    remove_column :rooms, :nights
  end
end

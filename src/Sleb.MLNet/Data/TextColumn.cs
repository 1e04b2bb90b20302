using System.Text;
using Microsoft.ML;
using Sleb.Core.Calibration;

namespace Sleb.MLNet.Data;

/// <summary>One text from the rows of a text column.</summary>
internal static class TextColumn
{
    public static TextSource Read(IDataView data, string columnName, string join, CancellationToken cancellationToken)
    {
        var column = data.Schema[columnName];
        var text = new StringBuilder();
        using var cursor = data.GetRowCursor([column]);
        var getText = cursor.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> row = default;
        for (bool first = true; cursor.MoveNext(); first = false)
        {
            cancellationToken.ThrowIfCancellationRequested();
            getText(ref row);
            if (!first) text.Append(join);
            text.Append(row.Span);
        }
        return new TextSource($"the column '{columnName}'", text.ToString(), Windows: null);
    }
}
